"""Where are the faces?"""

from dlsfaces.detect.assignment import DetectionLoss, assign, pack_faces
from dlsfaces.detect.boxes import BoxShift, Detections, Detector, suppressed
from dlsfaces.detect.one_stage import Candidates, OneStageDetector, OneStageNet, export_onnx, fused
from dlsfaces.detect.windows import WindowDetector, pyramid

__all__ = [
    "BoxShift",
    "Candidates",
    "DetectionLoss",
    "Detections",
    "Detector",
    "OneStageDetector",
    "OneStageNet",
    "WindowDetector",
    "assign",
    "export_onnx",
    "fused",
    "pack_faces",
    "pyramid",
    "suppressed",
]
