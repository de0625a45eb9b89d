"""Where are the faces?"""

from dlsfaces.detect.assignment import DetectionLoss, assign, pack_faces
from dlsfaces.detect.boxes import BoxShift, Detections, Detector, suppressed
from dlsfaces.detect.one_stage import (
    TO_WIDER,
    OneStageDetector,
    OneStageNet,
    cells_of,
    decode,
    encode,
    export_onnx,
    fused,
    load_detector,
)
from dlsfaces.detect.windows import WindowDetector

__all__ = [
    "TO_WIDER",
    "BoxShift",
    "DetectionLoss",
    "Detections",
    "Detector",
    "OneStageDetector",
    "OneStageNet",
    "WindowDetector",
    "assign",
    "cells_of",
    "decode",
    "encode",
    "export_onnx",
    "fused",
    "load_detector",
    "pack_faces",
    "suppressed",
]
