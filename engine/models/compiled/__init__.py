"""Forests from their ONNX files, predicted by machine code of our own.

``ensemble`` reads the operator, ``words`` packs it for the processor, ``kernel`` walks it and
``forest`` puts the three together and compares them with a plain walk before anyone relies on them.
"""
