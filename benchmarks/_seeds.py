"""Whole files to damage: photos of every format and mode, CelebA-500's lists, archives good and ill. All faces are
synthetic people."""

from __future__ import annotations

import bz2
import functools
import gzip
import io
import lzma
import struct
import tarfile
import zipfile

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

import drawpeople
from dlsfaces import geometry

SIDE = 40  #: pixels; a small file is damaged in more different ways


def face(number: int, framing: geometry.Framing = geometry.TIGHT) -> Image.Image:
    """A synthetic person's picture."""
    who = torch.tensor([number])
    drawn = drawpeople.render(drawpeople.people(who), drawpeople.shots(who, who), framing)
    return Image.fromarray(drawn.images[0].permute(1, 2, 0).numpy())


def photos() -> dict[str, bytes]:
    """Photos in every format and mode that is read."""
    rgb, other = (face(number).resize((SIDE, SIDE + 8)) for number in (0, 1))
    made = {mode: rgb.convert(mode) for mode in ("RGB", "L", "LA", "P", "RGBA", "CMYK", "1", "I", "F")}
    made["RGBA"].putalpha(rgb.convert("L"))
    made["LA"].putalpha(rgb.convert("L"))
    made["I;16"] = Image.fromarray(np.asarray(rgb.convert("L"), np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0131] = 6, "a phone", "a program" * 20
    wanted = {
        "jpeg": {"RGB": {}, "L": {}, "CMYK": {}, "RGB progressive": {"progressive": True}, "RGB exif": {"exif": exif}},
        "mpo": {"RGB several": {}},
        "png": {
            **{mode: {} for mode in ("RGB", "L", "LA", "P", "RGBA", "1", "I;16")},
            "P transparent": {"transparency": bytes(range(256))},
            "L transparent": {"transparency": 7},
            "RGB exif": {"exif": exif},
            "RGB several": {},
        },
        "webp": {
            "RGB": {},
            "RGBA": {},
            "RGB lossless": {"lossless": True},
            "RGBA several": {},
            "RGB exif": {"exif": exif},
        },
        "gif": {"P": {}, "L": {}, "P several": {}, "P transparent": {"transparency": 3}},
        "bmp": {mode: {} for mode in ("RGB", "L", "P", "RGBA", "1")},
        "tiff": {
            **{mode: {} for mode in ("RGB", "L", "LA", "P", "RGBA", "CMYK", "1", "I;16", "I", "F")},
            **{f"RGB {how}": {"compression": how} for how in ("tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits")},
            "1 group4": {"compression": "group4"},
            "RGB exif": {"exif": exif},
            "RGB several": {},
        },
    }
    files = {}
    for form, modes in wanted.items():
        for name, options in modes.items():
            file = io.BytesIO()
            if name.endswith("several"):
                options = {"save_all": True, "append_images": [other.copy()]}
            made[name.split()[0]].copy().save(file, form, **options)  # Pillow leaves a format's settings in an image
            files[f"{form} {name}".replace(" ", "-")] = file.getvalue()
    files["bmp-runs"] = _bmp_of_runs(made["P"])
    files["png-RGB-text"] = _with_text(made["RGB"])
    return files


def _bmp_of_runs(image: Image.Image) -> bytes:
    """A BMP of 8 bits packed in runs, which Pillow reads but does not write."""
    rows = [image.crop((0, y, image.width, y + 1)).tobytes() for y in reversed(range(image.height))]
    packed = b"".join(b"".join(bytes([1, value]) for value in row) + b"\0\0" for row in rows) + b"\0\1"
    palette = b"".join(bytes([i, i, i, 0]) for i in range(256))
    offset = 14 + 40 + len(palette)
    header = struct.pack("<IiiHHIIiiII", 40, image.width, image.height, 1, 8, 1, len(packed), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", offset + len(packed), 0, 0, offset) + header + palette + packed


def _with_text(image: Image.Image) -> bytes:
    """A PNG with words in it, packed, and a colour profile."""
    words = PngInfo()
    words.add_text("Comment", "a person who does not exist " * 50, zip=True)
    words.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>' * 20, zip=True)
    file = io.BytesIO()
    image.save(file, "png", pnginfo=words, icc_profile=bytes(range(256)))
    return file.getvalue()


def celeba500() -> dict[str, bytes]:
    """A CelebA-500 of three people: its files, by their paths."""
    files, names = {}, [f"{n:06d}.jpg" for n in range(8)]
    pictures = {size: io.BytesIO() for size in ((178, 218), (83, 100))}
    for size, file in pictures.items():
        face(0).resize(size).save(file, "jpeg")
    for name in names:
        files[f"celebA_train_500/celebA_imgs/{name}"] = pictures[178, 218].getvalue()
        files[f"celebA_ir/celebA_query/{name}"] = pictures[83, 100].getvalue()
    lists = {
        "celebA_train_500/celebA_anno.txt": [f"{name} {n % 3}" for n, name in enumerate(names)],
        "celebA_train_500/celebA_train_split.txt": [f"{name} {n % 4 // 2}" for n, name in enumerate(names)],
        "celebA_train_500/landmarks_mtcnn.csv": [
            "name,prob,x1,y1,x2,y2,left_eye_x,left_eye_y,right_eye_x,right_eye_y,nose_x,nose_y,"
            "left_mouth_x,left_mouth_y,right_mouth_x,right_mouth_y",
            *(f"{name},0.99,60.5,90,120,180,70,112,109,112,89,137,72,153,107,153" for name in names[:-1]),
            names[-1] + "," * 15,
        ],
        "celebA_ir/celebA_anno_query.csv": ["img,id", *(f"{name},{30 + n // 2}" for n, name in enumerate(names))],
    }
    return files | {path: ("\n".join(lines) + "\n").encode() for path, lines in lists.items()}


def lists() -> dict[str, bytes]:
    """The lists of CelebA-500, by their names."""
    return {path.split("/")[-1]: content for path, content in celeba500().items() if not path.endswith(".jpg")}


def archives() -> dict[str, bytes]:
    """Archives of every kind that is unpacked, and of kinds that must not be: by name, whose ending says which."""
    members = {"set/list.txt": b"a.jpg 1\n" * 40, "set/Ada/1.jpg": bytes(range(256)) * 8, "set/Ада/2.jpg": b"\0" * 3000}
    slip = {"fine.txt": b"fine", "../../slipped.txt": b"slipped"}
    zeros = {"zeros.bin": bytes(25 * 10**6)}
    made = {"plain.tar": _tar(members), "slip.tar": _tar(slip)}
    made |= {f"{name}.tar": _tar(members, kind) for name, kind in TAR_TRAPS.items()}
    packers = {"gz": functools.partial(gzip.compress, mtime=0), "bz2": bz2.compress, "xz": lzma.compress}
    made |= {f"plain.tar.{ending}": pack(_tar(members)) for ending, pack in packers.items()}
    made |= {"slip.tgz": packers["gz"](_tar(slip)), "zeros.tar.gz": packers["gz"](_tar(zeros))}
    made |= {"stored.zip": _zip(members, zipfile.ZIP_STORED), "packed.zip": _zip(members), "slip.zip": _zip(slip)}
    made |= {"zeros.zip": _zip(zeros), "many.zip": _zip({f"{n}.txt": b"" for n in range(6_000)})}
    return made


TAR_TRAPS = {"symlink": tarfile.SYMTYPE, "hardlink": tarfile.LNKTYPE, "pipe": tarfile.FIFOTYPE, "disk": tarfile.BLKTYPE}


def _tar(members: dict[str, bytes], kind: bytes = tarfile.REGTYPE) -> bytes:
    """A tar of files, and of something else where another ``kind`` is asked for."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        if kind != tarfile.REGTYPE:
            info = tarfile.TarInfo("trap")
            info.type, info.linkname = kind, "../../outside"
            archive.addfile(info)
    return file.getvalue()


def _zip(members: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", how) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, how)
    return file.getvalue()
