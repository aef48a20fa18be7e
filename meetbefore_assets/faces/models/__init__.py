"""Face models: finding and loading packs, running them with onnxruntime and OpenCV."""
