"""ONNX graphs, written by hand: each fitted candidate as a few operators."""
