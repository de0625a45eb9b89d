"""Where are the faces, and whose are they, in one pass?"""

from dlsfaces.joint.grid import AnchorGrid, size_iou
from dlsfaces.joint.loss import JointLoss, pack_people
from dlsfaces.joint.network import FoundPeople, JointNet, JointOutput, found_in

__all__ = [
    "AnchorGrid",
    "FoundPeople",
    "JointLoss",
    "JointNet",
    "JointOutput",
    "found_in",
    "pack_people",
    "size_iou",
]
