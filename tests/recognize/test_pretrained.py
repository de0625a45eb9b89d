"""Face networks on disk, and those that come with the course."""

import numpy as np
import pytest
import torch
from torch import nn

from dlsfaces import data, evaluate, weights
from dlsfaces.recognize import FaceResNet, InceptionResnetV1, embed, load_face_net
from dlsfaces.recognize.pretrained import TRAINED_ON, save_face_net


def test_a_network_comes_back_as_it_was(tmp_path):
    torch.manual_seed(0)
    model = FaceResNet("small", 32, (40, 32), dropout=0.2, stem_stride=1)
    model(torch.rand(8, 3, 40, 32))  # batch statistics that are not those of a new network
    model.eval()
    save_face_net(model, tmp_path / "net.safetensors", {"data": "none"})
    back = load_face_net(tmp_path / "net.safetensors")
    assert not back.training and back.settings == model.settings
    x = torch.rand(4, 3, 40, 32)
    assert torch.allclose(back.embed(x), model.embed(x), atol=2e-3)  # half precision in the file
    assert weights.read(tmp_path / "net.safetensors")[1]["data"] == "none"


def test_an_inception_network_comes_back_too(tmp_path):
    torch.manual_seed(0)
    model = InceptionResnetV1(32, image_size=(96, 80)).eval()
    save_face_net(model, tmp_path / "net.safetensors")
    back, x = load_face_net(tmp_path / "net.safetensors"), torch.rand(2, 3, 96, 80)
    assert isinstance(back, InceptionResnetV1) and back.settings == model.settings
    assert torch.nn.functional.cosine_similarity(back.embed(x), model.embed(x)).min() > 0.999


@pytest.mark.fault("saved, not loadable")
@pytest.mark.parametrize(
    "wrap", [nn.DataParallel, torch.compile, lambda net: torch.compile(nn.DataParallel(net)), nn.Module.half]
)
def test_a_wrapped_network_is_saved_as_itself(wrap, tmp_path):
    model = FaceResNet("small", 16, (32, 32)).eval()
    x = torch.rand(2, 3, 32, 32)
    expected = model.embed(x)
    about = {"note": "two\nlines \ud800", "accuracy": np.float32(0.5), "list": [1, None]}
    save_face_net(wrap(model), tmp_path / "net.safetensors", about)
    assert torch.allclose(load_face_net(tmp_path / "net.safetensors").embed(x), expected, atol=2e-3)
    assert weights.read(tmp_path / "net.safetensors")[1]["accuracy"] == 0.5


@pytest.mark.fault("saved, not loadable")
@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"size": "8 MB"}, "about holds size, which the network needs for itself"),
        ({"when": object()}, r"net\.safetensors was not written.*object"),
        ({"long": "x" * 100_000_001}, r"net\.safetensors was not written.*"),
        (None, r"net\.safetensors was not written.*its weights do not fit"),
    ],
)
def test_what_could_not_be_loaded_is_not_saved(about, message, tmp_path):
    model, path = FaceResNet("small", 16, (32, 32)), tmp_path / "net.safetensors"
    save_face_net(model, path)
    before = path.read_bytes()
    if about is None:  # a network that its settings do not build
        model.body[-1] = nn.Identity()
    with pytest.raises(ValueError, match=message):
        save_face_net(model, path, about)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]


@pytest.mark.fault("saved, not loadable")
def test_other_kinds_and_names_that_mean_the_courses_networks_are_refused(tmp_path):
    with pytest.raises(ValueError, match="Linear is no FaceResNet or InceptionResnetV1"):
        save_face_net(nn.Linear(1, 1), tmp_path / "net.safetensors")
    with pytest.raises(ValueError, match=r"resnet could be taken for .*name it resnet\.safetensors"):
        save_face_net(FaceResNet("small", 16, (32, 32)), "resnet")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": "huge"}, r"net\.safetensors is not a face network's file"),
        ({"image_size": "x"}, r"net\.safetensors is not a face network's file"),
        ({"embedding_dim": 64}, "do not fit"),
    ],
)
def test_a_file_of_another_network_is_named(tmp_path, change, message):
    model = FaceResNet("small", 32, (40, 32))
    weights.write(tmp_path / "net.safetensors", model, {**model.settings, **change})
    with pytest.raises(ValueError, match=message):
        load_face_net(tmp_path / "net.safetensors")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_face_net(tmp_path / "nowhere.safetensors")
    with pytest.raises(ValueError, match="trained_on='lfw' is none of synthetic, celeba"):
        load_face_net(trained_on="lfw")


@pytest.mark.parametrize("name", TRAINED_ON)
def test_what_ships_is_small_has_a_card_and_knows_people_whom_it_never_saw(name):
    path = weights.path_of(f"faces_{name}")
    card, about = path.with_suffix(".md").read_text(encoding="utf-8"), weights.read(path)[1]
    assert path.stat().st_size < 8_000_000 and about["terms"] in card
    assert ("research only" in card) == (name == "celeba") and ("MIT" in card) == (name == "synthetic")
    model = load_face_net(trained_on=name)
    query = data.load("synthetic", "query", people=30, images_per_person=12, dials={"yaw": 0.0})  # 6 people, 4 images
    vectors = embed(model, query.images(tuple(model.settings["image_size"])))
    assert evaluate.identification_rate(vectors, query.identities, None, [0.1]).tpr[0] > 0.7
