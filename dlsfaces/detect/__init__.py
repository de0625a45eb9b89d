"""Where are the faces?"""

from dlsfaces.detect.boxes import BoxShift, Detections, Detector, suppressed
from dlsfaces.detect.windows import WindowDetector, pyramid

__all__ = [
    "BoxShift",
    "Detections",
    "Detector",
    "WindowDetector",
    "pyramid",
    "suppressed",
]
