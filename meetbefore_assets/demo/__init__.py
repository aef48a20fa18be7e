"""A small labelled archive made from sample photographs, and the comparison of what was found in it with what was planted."""
