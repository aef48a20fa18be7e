"""Frames that were sampled, and those that could not be decoded, by the facts of detections."""

from meetbefore_assets.faces.frame_counts import sampled_frames, undecodable_frames, undecodable_sentence


def test_they_are_counted():
    facts = {"sampled frames": "12", "frames not decodable": "3"}
    assert (sampled_frames(facts), undecodable_frames(facts)) == (12, 3)


def test_records_of_earlier_versions_called_them_moments():
    facts = {"moments": "12", "moments not decodable": "3"}
    assert (sampled_frames(facts), undecodable_frames(facts)) == (12, 3)


def test_what_is_not_on_record_is_none():
    assert (sampled_frames({}), undecodable_frames({})) == (0, 0)


def test_what_was_lost_is_told_in_a_sentence():
    for facts in (
        {"sampled frames": "12", "frames not decodable": "3", "first decoding error": "4.0 s: no picture"},
        {"moments": "12", "moments not decodable": "3", "first decoding error": "4.0 s: no picture"},
    ):
        assert undecodable_sentence(facts) == "3 of its 12 sampled frames could not be decoded; the first, 4.0 s: no picture"
    assert undecodable_sentence({"sampled frames": "12", "frames not decodable": "0"}) == ""
