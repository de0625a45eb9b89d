import json
import logging
import math

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

import drawpeople
from dlsfaces import weights
from dlsfaces.align import LandmarkRegression, StackedHourglass, load_landmark_net, save_landmark_net

TEMPLATE = torch.tensor([[0.38, 0.41], [0.62, 0.41], [0.5, 0.56], [0.39, 0.66], [0.61, 0.66]])


def network(kind=StackedHourglass):
    torch.manual_seed(0)
    model = kind(TEMPLATE, "small", 32)
    model(torch.rand(8, 3, 32, 32))  # batch statistics that are not those of the beginning
    return model.eval()


@pytest.mark.parametrize("kind", [StackedHourglass, LandmarkRegression])
def test_a_network_comes_back_close_to_what_it_was(kind, tmp_path):
    model, path = network(kind), tmp_path / "net.safetensors"
    save_landmark_net(model, path)
    found = load_landmark_net(path)
    assert type(found) is kind and not found.training
    assert (found.size, found.image_size, found.n_points) == ("small", 32, 5)
    assert {p.dtype for p in found.parameters()} == {torch.float32}
    for (name, a), b in zip(model.state_dict().items(), found.state_dict().values(), strict=True):
        assert torch.equal(b, a.half().float() if a.is_floating_point() else a), name
    images = torch.rand(4, 3, 32, 32)
    assert torch.allclose(model(images), found(images), atol=5e-3)
    assert path.stat().st_size < 2.3 * sum(v.numel() for v in model.state_dict().values()) + 20_000
    assert [p.name for p in tmp_path.iterdir()] == ["net.safetensors"]


def test_the_header_says_what_it_is(tmp_path):
    path = tmp_path / "net.safetensors"
    save_landmark_net(network(), path, {"data": "drawn people – é", "terms": "MIT"})
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["about"])
    expected = {"kind": "hourglass", "size": "small", "image_size": 32, "n_points": 5, "generator": drawpeople.VERSION}
    assert about == expected | {"data": "drawn people – é", "terms": "MIT"} == weights.read(path)[1]


def test_full_precision_is_exact(tmp_path):
    model = network()
    weights.write(tmp_path / "net.safetensors", model, {}, half=False)
    state, _ = weights.read(tmp_path / "net.safetensors")
    assert all(torch.equal(v, state[k]) for k, v in model.state_dict().items())


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e5])
def test_numbers_that_half_precision_cannot_hold_are_refused(value, tmp_path):
    path, model = tmp_path / "net.safetensors", nn.Linear(2, 2)
    model.bias.data[1] = value
    with pytest.raises(ValueError, match="bias holds a number that is not finite in half precision"):
        weights.write(path, model, {})
    assert not path.exists()
    if math.isfinite(value):
        weights.write(path, model, {}, half=False)
        assert weights.read(path)[0]["bias"][1] == value
    else:
        with pytest.raises(ValueError, match=r"bias holds a number that is not finite$"):
            weights.write(path, model, {}, half=False)


def test_a_name_that_the_course_has_not_lists_those_that_it_has(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "FOLDER", tmp_path)
    with pytest.raises(FileNotFoundError, match="no weights 'landmarks_hourglass_moon'; it has none"):
        load_landmark_net("hourglass", "moon")
    for name in ("landmarks_hourglass_synthetic", "another"):
        save_landmark_net(network(), weights.FOLDER / f"{name}.safetensors")
    with pytest.raises(FileNotFoundError, match="it has another, landmarks_hourglass_synthetic"):
        load_landmark_net("regression")
    assert load_landmark_net().n_points == 5 and load_landmark_net("hourglass", "synthetic").size == "small"
    with pytest.raises(FileNotFoundError, match=r"there are no weights .*gone\.safetensors"):
        load_landmark_net(tmp_path / "gone.safetensors")


def good(path):
    save_landmark_net(network(), path)
    return path.read_bytes()


@pytest.mark.parametrize("damage", ["half", "empty", "garbage", "a bit of the header"])
def test_a_damaged_file_is_named(damage, tmp_path):
    path = tmp_path / "net.safetensors"
    content = good(path)
    path.write_bytes(
        {
            "half": content[: len(content) // 2],
            "empty": b"",
            "garbage": b"PK\x03\x04" * 100,
            "a bit of the header": content[:9] + b"!" + content[10:],
        }[damage]
    )
    with pytest.raises(ValueError, match=r"net\.safetensors is damaged, or not weights of this course"):
        load_landmark_net(path)


@pytest.mark.parametrize("header", [None, {}, {"about": "no json"}, {"about": "[1]"}, {"about": "5"}])
def test_a_foreign_file_is_named(header, tmp_path):
    path = tmp_path / "net.safetensors"
    save_file({"weight": torch.zeros(3)}, path, header)
    with pytest.raises(ValueError, match=r"net\.safetensors is damaged, or not weights of this course"):
        load_landmark_net(path)


@pytest.mark.parametrize(
    "about",
    [
        {},
        {"kind": "forest"},
        {"size": "huge"},
        {"image_size": 33},
        {"n_points": None},
    ],
)
def test_weights_of_another_kind_of_network_are_named(about, tmp_path):
    path = tmp_path / "net.safetensors"
    right = {"kind": "hourglass", "size": "small", "image_size": 32, "n_points": 5}
    weights.write(path, network(), (right | about) if about else {})
    with pytest.raises(ValueError, match=r"net\.safetensors is not a landmark network's file"):
        load_landmark_net(path)


def test_weights_that_do_not_fit_their_header_are_named(tmp_path):
    path = tmp_path / "net.safetensors"
    about = {"kind": "hourglass", "size": "small", "image_size": 32, "n_points": 68}
    weights.write(path, network(), about)
    with pytest.raises(ValueError, match=r"net\.safetensors: its weights do not fit the network that its header"):
        load_landmark_net(path)
    state = {k: v.half() if v.is_floating_point() else v for k, v in network().state_dict().items()}
    state["heads.0.bias"] = torch.full_like(state["heads.0.bias"], math.nan)
    save_file({k: v.contiguous() for k, v in state.items()}, path, {"about": json.dumps(about | {"n_points": 5})})
    with pytest.raises(ValueError, match=r"net\.safetensors: it holds NaN or infinity"):
        load_landmark_net(path)


@pytest.mark.parametrize(
    ("about", "warns"),
    [
        ({"data": "synthetic people", "generator": 1}, True),
        ({"data": "synthetic people"}, False),
        ({"data": "other people", "generator": 1}, False),
    ],
)
def test_people_of_an_older_generator_are_told_of(about, warns, tmp_path, caplog):
    path = tmp_path / "net.safetensors"
    save_landmark_net(network(), path, about)
    with caplog.at_level(logging.WARNING, "dlsfaces.weights"):
        load_landmark_net(path)
    assert ("net.safetensors was trained on synthetic people of generator version 1; this is" in caplog.text) == warns


def test_a_network_that_is_none_of_ours_is_refused(tmp_path):
    with pytest.raises(ValueError, match="Linear is no landmark network of the course's: regression, hourglass"):
        save_landmark_net(nn.Linear(2, 2), tmp_path / "net.safetensors")
