"""Byte-level writers for test models: GGUF, protobuf (ONNX), FlatBuffers (TFLite), ZIP."""
