"""Video readers: video files with PyAV, folders of pictures, and AreWeMeetBefore archives."""
