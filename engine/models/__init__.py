"""Models: candidates, training with honest scores, ONNX, card, store and inference."""
