"""A small labelled archive made out of photographs that the dependencies ship, and the verdict on what was found in it."""
