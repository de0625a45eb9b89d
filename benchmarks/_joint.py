"""The photos and networks of ``benchmarks.joint``: people of the studio and of real photos, and how each is learned."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset
from torchvision.models.feature_extraction import create_feature_extractor
from torchvision.models.resnet import BasicBlock, ResNet
from torchvision.ops import roi_align
from torchvision.transforms.v2 import functional as V

from benchmarks._photos import without_faces
from dlsfaces import align, data, evaluate, geometry, joint, recognize, rng, train
from dlsfaces.data import Augmentation
from dlsfaces.data.records import Photo
from dlsfaces.files import written_whole
from tests.from_notebook import definitions

SIDE, HALF = 320, 160  # of a photo, pixels; the joint networks halve it
PEOPLE, IMAGES, SEED = 280, 14, 9  # of the studio: people whom no network of the course has seen
CROP, MARGIN = 64, 1.25  # side of what ResNet34 names in a pipeline, and of the square in units of the box's height
CELLS = (5, 5)
BLOCKS = {10: (1, 1, 1, 1), 34: (3, 4, 6, 3)}
DIM = 256  # of a vector, as the course's recogniser's
COLOURS = Augmentation(flip=0, rotation=0, zoom=0, shift=0, blur=0.1, cutout=0, max_sigma=1.0)
OFF = 0.05  # of a box's size, by which boxes are off in training
PLACED = 0.5  # of the photos to learn from stand before another place
SETTINGS = train.Settings(
    epochs=1, lr=0.002, weight_decay=0.05, warmup=0.15, optimizer="adamw", precision="bf16", save_every=10**6
)  # bf16 trains twice as fast on processors that have it (AVX-512 BF16); what is measured runs in float32
BATCH = 32

other_background, CentreNet, centre_loss, anchors_of, mirrored, folder_photos = definitions(
    "09_joint", "on_other_background", "CentreNet", "centre_loss", "anchors_of", "mirrored", "folder_photos"
)


class People(NamedTuple):
    """Photos of one person each."""

    images: Tensor  # uint8 (N, 3, SIDE, SIDE)
    boxes: Tensor  # (N, 4), the course's face box
    who: Tensor  # int64 (N,)
    landmarks: Tensor  # (N, 5, 2)

    def of(self, rows: Tensor) -> People:
        return People(*(part[rows] for part in self))


def people_in(photos: Iterable[Photo]) -> People:
    """The people of photos with a face each."""
    photos = list(photos)
    faces = [photo.faces[0] for photo in photos]
    boxes, marks = (torch.stack([getattr(face, name) for face in faces]).float() for name in ("box", "landmarks"))
    who = torch.tensor([face.identity for face in faces])
    return People(torch.stack([photo.image for photo in photos]), boxes, who, marks)


SPLITS = ("train", "validation", "test")
Splits = dict[str, People]  #: by name


def studio() -> Splits:
    """The built-in people: ten photos of each to learn from, two to choose on, two to measure on."""
    splits = {}
    for split in SPLITS:
        splits[split] = people_in(data.studio(split, SIDE, people=PEOPLE, images_per_person=IMAGES, seed=SEED))
    return splits


def real(root: Path) -> Splits:
    """Georgia Tech and Caltech, as the chapter divides a folder: by number, which follows time.

    So what is measured on is mostly of another moment than what was learned.
    """
    parts = folder_photos(root / "joint_real", SIDE)
    return {split: People(*part) for split, part in zip(SPLITS, parts)}


COMPOSED = 60, 600, 300, (40, 110)  # people, photos for the centres and to measure on, widths of faces in pixels


def composed(root: Path) -> Splits:
    """CelebA-500's portraits, cut out and put before real places, one a photo."""
    people, *counts, width = COMPOSED
    settings, splits = data.SceneSettings((1, 1), width, clutter=0.0), {}
    for split, count in zip(("train", "test"), counts):
        faces = data.load("celeba500", split, root, framing="loose")
        faces = faces.subset(faces.landmarks.isfinite().all((1, 2)) & (faces.identities < people))
        made = data.scenes(split, count, (SIDE, SIDE), settings, faces=faces, backgrounds=root / "non_face_scenes")
        splits[split] = people_in([photo for photo in made if photo.faces])
    return splits


def places(root: Path, split: str) -> Tensor:
    """Photos without people, uint8 ``(M, 3, SIDE, SIDE)``: every other one to learn from, the rest to measure with."""
    chosen = without_faces(root)[int(split == "test") :: 2]
    return torch.stack([V.center_crop(V.resize(photo, [SIDE], max_size=None), [SIDE, SIDE]) for photo in chosen])


def teacher_vectors(people: People, trained_on: str, file: Path) -> Tensor:
    """What the course's recogniser says of each face, put upright by its true landmarks: ``(N, DIM)``.

    Of thousands of faces it takes minutes: ``file`` keeps it for as many.
    """
    if file.exists() and len(vectors := torch.load(file)) == len(people.who):
        return vectors
    recogniser = recognize.load_face_net(trained_on=trained_on)
    parts = torch.arange(len(people.who)).split(50)
    vectors = torch.cat([upright(recogniser, *people.of(rows)[::3]) for rows in parts])
    with written_whole(file) as whole:
        torch.save(vectors, whole)
    return vectors


def upright(recogniser: recognize.Backbone, images: Tensor, landmarks: Tensor) -> Tensor:
    """Vectors of faces by landmarks; with the mirror image, as everywhere in the course."""
    to_crop = geometry.similarity(landmarks, geometry.TIGHT.landmarks, refuse_mirrored=False)
    crops = geometry.warp(images, to_crop, geometry.TIGHT.size)
    return recognize.embed(recogniser, V.resize(crops, list(recogniser.settings["image_size"])), mirror=True)


# --- networks ------------------------------------------------------------------------------------------------------


class Trunk(nn.Module):
    """A ResNet from scratch: images to the map of an eighth, and one of a sixteenth that its last stage lies on."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        network = ResNet(BasicBlock, list(BLOCKS[depth]), zero_init_residual=depth > 10)
        self.body = create_feature_extractor(network, {"layer2": "a", "layer3": "b", "layer4": "c"})

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        maps = self.body((images - 0.45) / 0.25)
        last = F.interpolate(maps["c"], maps["b"].shape[2:], mode="nearest")
        return {"eighth": maps["a"], "sixteenth": torch.cat((maps["b"], last), dim=1)}


def grown(model: nn.Module, smaller: nn.Module) -> nn.Module:
    """A deeper network that begins as a smaller one: its further blocks add zero (Net2Net, Chen et al. 2016)."""
    missing, unknown = model.load_state_dict(smaller.state_dict(), strict=False)
    if unknown or not all(re.search(r"layer\d\.[1-9]", name) for name in missing):
        raise ValueError(f"not the same network with fewer blocks: {unknown or missing}")
    return model


class Pooled(nn.Module):
    """Vectors of boxes from a network's last map: a square around each, averaged, and a linear layer.

    After Fast R-CNN (Girshick 2015): the network still looks at the photo once. The square is that of the faces that
    the backbone has learned before (``CUT`` around ``FACE``).
    """

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(768, DIM)

    def forward(self, features: Tensor, boxes: Tensor, side: int = HALF) -> Tensor:
        """Features ``(N, 768, h, w)`` of images of ``side`` pixels, and a box ``(4,)`` of each: ``(N, DIM)``."""
        middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:3] - boxes[:, :1]) * (CUT / FACE / 2)
        number = torch.arange(len(boxes), dtype=torch.float32)[:, None]
        squares, scale = torch.cat((number, middle - half, middle + half), dim=1), features.shape[3] / side
        pooled = roi_align(features.float(), squares, 4, spatial_scale=scale, sampling_ratio=2, aligned=True)
        return self.head(pooled.mean((2, 3)))


class Joint(nn.Module):
    """The package's network says where, by cells and anchors; the vector is pooled under the box that it gives."""

    def __init__(self, depth: int, grid: joint.AnchorGrid, width: int = 128) -> None:
        super().__init__()
        self.where, self.who = joint.JointNet(Trunk(depth), grid, embedding_dim=1, width=width), Pooled()

    @property
    def backbone(self) -> Trunk:
        return self.where.backbone

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """A :class:`joint.JointOutput` (whose own embeddings nobody uses), and the map to pool from."""
        maps = self.backbone(images.contiguous(memory_format=torch.channels_last))
        size = images.new_tensor(images.shape[:1:-1], dtype=torch.float32)
        return *self.where.answer(list(maps.values()), size), maps["sixteenth"]


class AnchorFree(nn.Module):
    """The chapter's network without anchors on a ResNet that learns with it; vectors are pooled under its boxes."""

    def __init__(self, depth: int, width: int = 128) -> None:
        super().__init__()
        self.backbone, self.who = Trunk(depth), Pooled()
        self.coarse, self.fine = nn.Conv2d(768, width, 1, bias=False), nn.Conv2d(128, width, 1)
        self.norm, self.head = nn.BatchNorm2d(width), CentreNet(width, width, 1)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        maps = self.backbone(images.contiguous(memory_format=torch.channels_last))
        above = F.interpolate(self.coarse(maps["sixteenth"]), maps["eighth"].shape[2:], mode="nearest")
        return *self.head(F.relu(self.norm(above + self.fine(maps["eighth"])))), maps["sixteenth"]


class Who(nn.Module):
    """The loss of a vector by the number of its photo: CosFace, and the distance to the recogniser's vector."""

    def __init__(self, who: Tensor, teacher: Tensor, distilled: float = 2.0, margin: float = 0.2) -> None:
        super().__init__()
        self.names = recognize.cosface(DIM, int(who.max()) + 1, margin=margin, scale=24)
        self.register_buffer("who", who)
        self.register_buffer("teacher", teacher)
        self.distilled = distilled

    def forward(self, vectors: Tensor, number: Tensor) -> Tensor:
        value = self.names(vectors, self.who[number])
        if self.distilled:
            value = value + self.distilled * (1 - F.cosine_similarity(vectors, self.teacher[number])).mean()
        return value


class Nobody(nn.Module):
    """No loss of who it is, where vectors come from elsewhere."""

    def forward(self, vectors: Tensor, number: Tensor) -> Tensor:
        return 0 * vectors.sum()


class AnchorLoss(nn.Module):
    """Of rows ``(B, 15)``: a box, the photo's number, landmarks, which this network has no use for."""

    def __init__(self, grid: joint.AnchorGrid, who: Who | Nobody) -> None:
        super().__init__()
        self.loss = joint.JointLoss(grid, who)

    def forward(self, out: joint.JointOutput, rows: Tensor) -> Tensor:
        return self.loss(joint.JointOutput(*out), rows[:, None, :5])


class PooledLoss(nn.Module):
    """Where, by the loss of a :class:`Joint` or an :class:`AnchorFree`; and who, pooled under boxes a little off."""

    def __init__(self, model: Joint | AnchorFree, who: Who) -> None:
        super().__init__()
        self.pool, self.who = model.who, who
        self.where = AnchorLoss(model.where.grid, Nobody()) if isinstance(model, Joint) else CentreLoss()

    def forward(self, out: tuple[Tensor, ...], rows: Tensor) -> Tensor:
        *where, features = out
        boxes = rows[:, :4]
        size = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
        vectors = self.pool(features, boxes + OFF * size * (2 * torch.rand_like(boxes) - 1))
        return self.where(tuple(where), rows) + self.who(vectors, rows[:, 4].long())


class CentreLoss(nn.Module):
    """The chapter's, of boxes and landmarks alone."""

    def forward(self, out: tuple[Tensor, ...], rows: Tensor) -> Tensor:
        side = round(out[0].shape[1] ** 0.5)
        boxes, marks = rows[:, :4] * side / HALF, rows[:, 5:].view(-1, 5, 2) * side / HALF
        return centre_loss(out, boxes, marks, torch.ones(len(rows), 1))  # of a vector of one number: no gradient


@dataclass(frozen=True, eq=False)
class Moved:
    """Photos before other places, in a mirror, larger and smaller, and elsewhere; boxes and landmarks with them."""

    places: Tensor

    def __call__(self, images: Tensor, rows: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
        u, count = rng.uniform(keys, 5), len(images)
        boxes, marks = rows[:, :4], rows[:, 5:].view(count, 5, 2)
        other = u[:, 0] < PLACED
        if other.any():
            images = images.clone()
            images[other] = other_background(images[other], boxes[other], self.places, int(keys[0]) % 2**31)
        side = images.shape[3]
        zoom = (0.75 * (1.3 / 0.75) ** u[:, 1])[:, None]  # of the photo, log-uniform
        room = ((boxes[:, :2] + boxes[:, 2:]) / 2 - side / 2) * zoom  # from the middle to the face, after it
        limit = side / 2 - 0.4 * (boxes[:, 2:] - boxes[:, :2]) * zoom  # so that most of the face stays inside
        shift = ((2 * u[:, 2:4] - 1) * 0.2 * side + room).clamp(-limit, limit) - room
        mirror = torch.where(u[:, 4] < 0.5, -1.0, 1.0)
        zero, middle = torch.zeros(count), torch.tensor(side / 2)
        to_new = torch.stack(
            (
                torch.stack((mirror * zoom[:, 0], zero, middle - mirror * (zoom[:, 0] * middle - shift[:, 0])), dim=1),
                torch.stack((zero, zoom[:, 0], middle - zoom[:, 0] * middle + shift[:, 1]), dim=1),
            ),
            dim=1,
        )
        images = geometry.warp(images, to_new, (side, side), padding="edge")
        corners = geometry.move_points(to_new, boxes.view(count, 2, 2))
        boxes = torch.cat((corners.amin(1), corners.amax(1)), dim=1)
        marks = geometry.move_points(to_new, marks)
        marks = torch.where(mirror[:, None, None] < 0, marks[:, [1, 0, 2, 4, 3]], marks)
        return images, torch.cat((boxes, rows[:, 4:5], marks.flatten(1)), dim=1)


def rows_of(people: People, scale: float) -> Tensor:
    """Targets ``(N, 15)``: box and landmarks in pixels of the photo times ``scale``, and the photo's number."""
    number = torch.arange(len(people.who))[:, None].float()
    return torch.cat((people.boxes * scale, number, people.landmarks.flatten(1) * scale), dim=1)


def anchors(people: People) -> tuple[tuple[float, float], ...]:
    """Three, of these boxes as :class:`Moved` makes them."""
    sizes = (people.boxes[:, 2:] - people.boxes[:, :2]) / SIDE
    return tuple(map(tuple, anchors_of(torch.cat([sizes * zoom for zoom in (0.8, 1.0, 1.25)])).tolist()))


def smaller(images: Tensor, side: int = HALF) -> Tensor:
    """uint8 photos, halved or as they are: float in [0, 1]."""
    return F.avg_pool2d(data.to_float(images), images.shape[3] // side)


def learn(
    model: nn.Module,
    loss: nn.Module,
    people: People,
    settings: train.Settings,
    file: Path,
    moved: train.loop.Move,
    side: int = HALF,
) -> nn.Module:
    """Train on photos of ``side`` pixels, or on crops of whole ones; a run that was stopped goes on from ``file``."""
    images, side = people.images, SIDE if isinstance(moved, CropMoved) else side
    if side < SIDE:
        images = torch.cat([(smaller(part, side) * 255).round().byte() for part in images.split(200)])
    rows = rows_of(people, side / SIDE)
    dataset = TensorDataset(images, rows, torch.arange(len(rows)))
    batches = DataLoader(
        dataset, BATCH, shuffle=True, drop_last=True, generator=torch.Generator().manual_seed(settings.seed)
    )
    train.fit(model, loss, batches, settings, move=moved, augment=COLOURS, checkpoint=file)
    return model.eval()


# --- the backbone first learns faces alone --------------------------------------------------------------------------

FACE, CANVAS, CUT = 45, 96, 64  # pixels: a face's width as in halved photos, in squares with room to move, and cut out


class FaceNet(nn.Module):
    """A trunk and two heads: for built-in people the vectors of one recogniser, for real ones those of the other."""

    def __init__(self, trunk: Trunk) -> None:
        super().__init__()
        self.trunk, self.heads = trunk, nn.Linear(768, 2 * DIM)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.trunk(images.contiguous(memory_format=torch.channels_last))
        return self.heads(maps["sixteenth"].mean((2, 3))).unflatten(1, (2, DIM))

    def head(self, number: int) -> nn.Linear:
        """One of the heads alone: 0 for built-in people, 1 for real ones."""
        rows, alone = slice(number * DIM, (number + 1) * DIM), nn.Linear(768, DIM)
        alone.load_state_dict({"weight": self.heads.weight[rows], "bias": self.heads.bias[rows]})
        return alone


class Taught(nn.Module):
    """1 - cosine to the teacher's vectors, by rows ``(B, 2)``: the number of a face, and which head."""

    def __init__(self, teacher: Tensor) -> None:
        super().__init__()
        self.register_buffer("teacher", teacher)

    def forward(self, vectors: Tensor, rows: Tensor) -> Tensor:
        number, head = rows.unbind(1)
        vectors = vectors[torch.arange(len(rows)), head].float()
        return (1 - F.cosine_similarity(vectors, self.teacher[number])).mean()


def face_moved(images: Tensor, rows: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
    """Squares of ``CANVAS`` pixels, larger and smaller, in a mirror, and cut."""
    u = rng.uniform(keys, 4)
    zoom, mirror = 0.75 * (1.3 / 0.75) ** u[:, 0], torch.where(u[:, 1] < 0.5, -1.0, 1.0)
    shift = CUT / 2 + 6 * (2 * u[:, 2:] - 1)
    zero = torch.zeros(len(u))
    first = torch.stack((mirror * zoom, zero, shift[:, 0] - mirror * zoom * CANVAS / 2), dim=1)
    second = torch.stack((zero, zoom, shift[:, 1] - zoom * CANVAS / 2), dim=1)
    return geometry.warp(images, torch.stack((first, second), dim=1), (CUT, CUT), padding="edge"), rows


def squares_of(images: Tensor, boxes: Tensor) -> Tensor:
    """uint8 squares of ``CANVAS`` pixels with faces of the same width in the middle."""
    zoom, middle = FACE / (boxes[:, 2] - boxes[:, 0]), (boxes[:, :2] + boxes[:, 2:]) / 2
    zero, shift = torch.zeros(len(boxes)), CANVAS / 2 - zoom[:, None] * middle
    matrices = torch.stack(
        (torch.stack((zoom, zero, shift[:, 0]), dim=1), torch.stack((zero, zoom, shift[:, 1]), dim=1)), dim=1
    )
    parts = zip(images.split(100), matrices.split(100))
    return torch.cat([(geometry.warp(*part, (CANVAS, CANVAS), "edge") * 255).round().byte() for part in parts])


def face_net(people: People, root: Path, folder: Path, epochs: int, depth: int = 10) -> FaceNet:
    """One that has learned what two recognisers say of CelebA-500's faces and of these people's."""
    file, model = folder / f"faces{depth}.pt", FaceNet(Trunk(depth))
    if file.exists():
        model.load_state_dict(torch.load(file))
        return model
    celeba = data.load("celeba500", "train", root, framing="loose")
    celeba = celeba.subset(celeba.landmarks.isfinite().all((1, 2)))  # MTCNN has not found all
    images = celeba.read(range(len(celeba)), None)
    real_people = People(images, geometry.face_box(celeba.landmarks), celeba.identities, celeba.landmarks)
    squares, teacher, heads = [], [], []
    sets = ((people, "synthetic", "studio"), (real_people, "celeba", "celeba500"))
    for head, (part, trained_on, title) in enumerate(sets):
        squares.append(squares_of(part.images, part.boxes))
        teacher.append(teacher_vectors(part, trained_on, folder / f"teacher_{title}.pt"))
        heads += [head] * len(part.who)
    squares, teacher = torch.cat(squares), torch.cat(teacher)
    rows = torch.stack((torch.arange(len(heads)), torch.tensor(heads)), dim=1)
    torch.manual_seed(0)
    model = FaceNet(Trunk(depth))
    order = torch.Generator().manual_seed(0)
    batches = DataLoader(TensorDataset(squares, rows, rows[:, 0]), 64, shuffle=True, drop_last=True, generator=order)
    settings = replace(SETTINGS, epochs=epochs, lr=0.003)
    train.fit(
        model,
        Taught(teacher),
        batches,
        settings,
        move=face_moved,
        augment=COLOURS,
        checkpoint=folder / f"faces{depth}.run",
    )
    torch.save(model.state_dict(), file)
    return model


# --- looking -------------------------------------------------------------------------------------------------------

Look = Callable[[Tensor], "tuple[Tensor, Tensor]"]  #: photos uint8 (N, 3, SIDE, SIDE) to boxes (N, 4), vectors (N, D)


def pooled_look(model: Joint | AnchorFree) -> Look:
    """Of each photo the surest box, and the vector under it."""

    @torch.no_grad()
    def look(photos: Tensor) -> tuple[Tensor, Tensor]:
        *out, features = model(smaller(photos))
        rows = torch.arange(len(photos))
        if isinstance(model, Joint):
            out = joint.JointOutput(*out)
            boxes = model.where.grid.decode(out.numbers, out.size)[rows, out.confidence.argmax(1)]
        else:
            logits, boxes, *_ = out
            boxes = boxes[rows, logits.argmax(1)] * HALF / round(logits.shape[1] ** 0.5)
        return SIDE / HALF * boxes, model.who(features, boxes)

    return look


def anchor_look(model: joint.JointNet, side: int = HALF) -> Look:
    @torch.no_grad()
    def look(photos: Tensor) -> tuple[Tensor, Tensor]:
        out = model(smaller(photos, side))
        rows, slot = torch.arange(len(photos)), out.confidence.argmax(1)
        return SIDE / side * model.grid.decode(out.numbers, out.size)[rows, slot], out.embeddings[rows, slot]

    return look


def crops_of(photos: Tensor, boxes: Tensor, size: int = CROP) -> Tensor:
    """Squares around boxes, one a photo: float ``(N, 3, size, size)``."""
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, MARGIN / 2 * (boxes[:, 3:] - boxes[:, 1:2])
    squares = torch.cat((torch.arange(len(boxes))[:, None], centre - half, centre + half), dim=1)
    return roi_align(data.to_float(photos), squares, size, sampling_ratio=2, aligned=True)


class CropNet(nn.Module):
    """The same backbone for a crop, or for a whole photo: for the pipelines of others."""

    def __init__(self, depth: int = 34) -> None:
        super().__init__()
        self.backbone, self.head = Trunk(depth), nn.Linear(768, DIM)
        self.to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.backbone(images.contiguous(memory_format=torch.channels_last))
        return self.head(maps["sixteenth"].mean((2, 3)))


class ByNumber(nn.Module):
    """:class:`Who` of vectors and rows."""

    def __init__(self, who: Who) -> None:
        super().__init__()
        self.who = who

    def forward(self, vectors: Tensor, rows: Tensor) -> Tensor:
        return self.who(vectors, rows[:, 4].long())


@dataclass(frozen=True, eq=False)
class CropMoved:
    """Photos to crops around boxes that are a little off, as a detector's are; or to whole photos, halved."""

    places: Tensor
    whole: bool = False  # what one of the thesis' pipelines named

    def __call__(self, images: Tensor, rows: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
        u, boxes, images = rng.uniform(keys, 6), rows[:, :4].clone(), images.clone()
        other, mirror = u[:, 0] < PLACED, u[:, 1] < 0.5
        if other.any():
            images[other] = other_background(images[other], boxes[other], self.places, int(keys[0]) % 2**31)
        images[mirror], boxes[mirror] = mirrored(images[mirror], boxes[mirror])
        if self.whole:
            return smaller(images), rows
        off = 0.1 * (2 * u[:, 2:] - 1) * (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
        return crops_of(images, boxes + off), rows


def centres_of(look: Look, people: People) -> Tensor:
    """Class centres of the vectors of photos to learn from, of those in which something was found."""
    vectors = torch.cat([look(part)[1] for part in people.images.split(16)])
    seen = vectors.norm(dim=1) > 0
    return evaluate.class_centres(vectors[seen], people.who[seen], int(people.who.max()) + 1)


def pipeline_look(find: Callable[[Tensor], tuple[Tensor, Tensor]], name: Callable[[Tensor, Tensor], Tensor]) -> Look:
    """A detector of photos, then vectors of photos and boxes; where nothing was found, all is 0."""

    @torch.no_grad()
    def look(photos: Tensor) -> tuple[Tensor, Tensor]:
        boxes, there = find(photos)
        vectors = name(photos, boxes)
        return boxes * there[:, None], vectors * there[:, None]

    return look


def own_networks(trained_on: str) -> tuple[nn.Module, recognize.Backbone]:
    """The course's aligner and recogniser."""
    return align.load_landmark_net("hourglass", trained_on), recognize.load_face_net(trained_on=trained_on)


def own_name(trained_on: str) -> Callable[[Tensor, Tensor], Tensor]:
    aligner, recogniser = own_networks(trained_on)
    return lambda photos, boxes: upright(recogniser, photos, align.find_landmarks(aligner, photos, boxes).points)
