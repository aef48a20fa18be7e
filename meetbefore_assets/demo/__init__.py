"""Demo: a small labelled archive made from sample photographs, and a comparison of the result with the truth."""
