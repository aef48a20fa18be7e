"""Reads videos with PyAV, folders of pictures, and AreWeMeetBefore archives."""
