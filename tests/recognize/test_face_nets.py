"""Face networks on disk, and those that come with the course."""

import pytest
import torch

from dlsfaces import data, evaluate, weights
from dlsfaces.recognize import FaceResNet, embed, load_face_net, save_face_net
from dlsfaces.recognize.shipped import TRAINED_ON


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


@pytest.mark.parametrize("change", [{"size": "huge"}, {"image_size": "x"}, {"stem_stride": 3}])
def test_settings_that_build_no_network_are_named(tmp_path, change):
    model = FaceResNet("small", 32, (40, 32))
    weights.write(tmp_path / "net.safetensors", model, {**model.settings, **change})
    with pytest.raises(ValueError, match=r"net\.safetensors is not a face network's file"):
        load_face_net(tmp_path / "net.safetensors")


def test_weights_of_another_network_are_refused(tmp_path):
    model = FaceResNet("small", 32, (40, 32))
    weights.write(tmp_path / "net.safetensors", model, {**model.settings, "embedding_dim": 64})
    with pytest.raises(ValueError, match="do not fit"):
        load_face_net(tmp_path / "net.safetensors")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_face_net(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(80, 64), (60, 48), (33, 50)])
def test_a_full_stem_keeps_detail_and_costs_few_weights(stride, size):
    model = FaceResNet("small", 32, size, stem_stride=stride).eval()
    assert model.features(torch.rand(1, 3, *size)).shape == (1, 32)
    first = model.body[0](torch.rand(1, 3, *size))
    assert first.shape[2:] == tuple(-(-side // stride) for side in size)
    last = model.body[-3]
    assert last.size == model.body[:-3](torch.rand(1, 3, *size)).shape[2:]  # no pooling to another size at the end
    with pytest.raises(ValueError, match="stem_stride=3"):
        FaceResNet("small", 32, size, stem_stride=3)


@pytest.mark.parametrize("name", TRAINED_ON)
def test_what_ships_is_small_has_a_card_and_knows_people_whom_it_never_saw(name):
    path = weights.path_of(f"faces_{name}")
    assert path.stat().st_size < 8_000_000
    card = path.with_suffix(".md").read_text(encoding="utf-8")
    about = weights.read(path)[1]
    assert (
        about["terms"] in card
        and ("research only" in card) == (name == "celeba")
        and ("MIT" in card) == (name == "synthetic")
    )
    model = load_face_net(name)
    query = data.load("synthetic", "query", people=30, pictures=12, dials={"yaw": 0.0})  # 6 people, 4 pictures each
    vectors = embed(model, query.images(tuple(model.settings["image_size"])))
    assert evaluate.identification_rate(vectors, query.identities, None, [0.1]).tpr[0] > 0.7
