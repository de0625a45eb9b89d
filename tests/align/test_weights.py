import json
import math

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

import drawpeople
from dlsfaces import data, evaluate, weights
from dlsfaces.align import landmarks_of, load_landmark_net
from dlsfaces.align.networks import KINDS
from dlsfaces.align.pretrained import save_landmark_net

TEMPLATE = torch.tensor([[0.38, 0.41], [0.62, 0.41], [0.5, 0.56], [0.39, 0.66], [0.61, 0.66]])
ABOUT = {"kind": "hourglass", "size": "small", "image_size": 32, "n_points": 5}


def network(kind="hourglass"):
    torch.manual_seed(0)
    model = KINDS[kind](TEMPLATE, "small", 32)
    model(torch.rand(8, 3, 32, 32))  # batch statistics that are not those of the beginning
    return model.eval()


@pytest.mark.parametrize("kind", KINDS)
def test_a_network_comes_back_close_to_what_it_was_and_its_header_says_what_it_is(kind, tmp_path):
    model, path = network(kind), tmp_path / "net.safetensors"
    save_landmark_net(model, path, {"terms": "MIT"})
    found = load_landmark_net(path)
    assert type(found) is type(model) and not found.training
    assert (found.size, found.side, found.n_points) == ("small", 32, 5)
    for (name, a), b in zip(model.state_dict().items(), found.state_dict().values(), strict=True):
        assert torch.equal(b, a.half().float() if a.is_floating_point() else a), name
    with safe_open(path, "pt") as file:
        about = json.loads(file.metadata()["about"])
    assert about == ABOUT | {"kind": kind, "generator": drawpeople.VERSION, "terms": "MIT"}


@pytest.mark.parametrize(
    ("kind", "trained_on", "most"),
    [("hourglass", "synthetic", 0.04), ("hourglass", "celeba", 0.08), ("regression", "synthetic", 0.05)],
)
def test_the_networks_that_come_with_the_course_find_landmarks(kind, trained_on, most):
    faces = data.unaligned(data.load("synthetic", "distractors", people=6, framing="loose", seed=6))
    found = landmarks_of(load_landmark_net(kind, trained_on), faces)
    assert evaluate.landmark_score(found.points, faces.landmarks).nme < most


def test_a_name_that_the_course_has_not_lists_those_that_it_has(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no weights 'landmarks_hourglass_moon'; it has .*hourglass_synthetic"):
        load_landmark_net("hourglass", "moon")
    with pytest.raises(FileNotFoundError, match=r"there are no weights .*gone\.safetensors"):
        load_landmark_net(tmp_path / "gone.safetensors")


@pytest.mark.parametrize("damage", ["half", "empty", "foreign"])
def test_a_damaged_or_foreign_file_is_named(damage, tmp_path):
    path = tmp_path / "net.safetensors"
    save_landmark_net(network(), path)
    if damage == "foreign":
        save_file({"weight": torch.zeros(3)}, path)
    else:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2 if damage == "half" else 0])
    with pytest.raises(ValueError, match=r"net\.safetensors is damaged, or not weights of this course"):
        load_landmark_net(path)


@pytest.mark.parametrize("about", [{"kind": "forest"}, {"size": "huge"}, {"image_size": 33}, {"n_points": None}])
def test_weights_of_another_kind_of_network_are_named(about, tmp_path):
    weights.write(tmp_path / "net.safetensors", network(), ABOUT | about)
    with pytest.raises(ValueError, match=r"net\.safetensors is not a landmark network's file"):
        load_landmark_net(tmp_path / "net.safetensors")


def test_weights_that_do_not_fit_their_header_are_named(tmp_path):
    path = tmp_path / "net.safetensors"
    weights.write(path, network(), ABOUT | {"n_points": 68})
    with pytest.raises(ValueError, match=r"net\.safetensors: its weights do not fit the network that its header"):
        load_landmark_net(path)
    state = {k: v.contiguous().clone() for k, v in network().state_dict().items()}
    state["heads.0.bias"].fill_(math.nan)
    save_file(state, path, {"about": json.dumps(ABOUT)})
    with pytest.raises(ValueError, match=r"net\.safetensors: it holds NaN or infinity"):
        load_landmark_net(path)
    with pytest.raises(ValueError, match="Linear is no landmark network of the course's: regression, hourglass"):
        save_landmark_net(nn.Linear(2, 2), path)


def test_people_of_an_older_generator_are_told_of(tmp_path, caplog):
    save_landmark_net(network(), tmp_path / "net.safetensors", {"data": "synthetic people", "generator": 1})
    load_landmark_net(tmp_path / "net.safetensors")
    assert "net.safetensors was trained on synthetic people of generator version 1; this is" in caplog.text
