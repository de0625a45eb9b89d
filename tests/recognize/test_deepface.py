"""DeepFace's parts against loops in float64, PyTorch's convolution and scikit-learn's chi-square kernel."""

import itertools

import pytest
import torch
from sklearn.metrics.pairwise import additive_chi2_kernel
from sklearn.svm import LinearSVC
from torch import nn
from torch.nn import functional as F

from dlsfaces.recognize import ChiSquare, CrossEntropy, DeepFaceNet, LocallyConnected, deepface, embed, features_of
from dlsfaces.recognize import learn_chi_square as learn

# Locally connected layers


def layer(channels_in=3, channels=4, size=(7, 6), kernel=3, stride=1):
    torch.manual_seed(0)
    made = LocallyConnected(channels_in, channels, size, kernel, stride).double()
    nn.init.normal_(made.bias)
    return made


@torch.no_grad()
@pytest.mark.parametrize(("size", "kernel", "stride"), [((7, 6), 3, 1), ((8, 5), 3, 2), ((4, 9), 4, 3), ((2, 3), 1, 1)])
def test_each_place_has_filters_of_its_own(size, kernel, stride):
    local = layer(size=size, kernel=kernel, stride=stride)
    x = torch.randn(2, 3, *size).double()
    height, width = ((side - kernel) // stride + 1 for side in size)
    weight = local.weight.view(height, width, 4, 3, kernel, kernel)
    wanted = torch.empty(2, 4, height, width).double()
    for n, c, i, j in itertools.product(range(2), range(4), range(height), range(width)):
        patch = x[n, :, i * stride : i * stride + kernel, j * stride : j * stride + kernel]
        wanted[n, c, i, j] = (patch * weight[i, j, c]).sum() + local.bias[c, i, j]
    assert local(x).shape == wanted.shape and torch.allclose(local(x), wanted, rtol=0, atol=1e-12)


@torch.no_grad()
@pytest.mark.parametrize("stride", [1, 2])
def test_the_same_filters_everywhere_are_a_convolution(stride):
    local = layer(stride=stride)
    kernels, bias, x = torch.randn(4, 3, 3, 3).double(), torch.randn(4).double(), torch.randn(2, 3, 7, 6).double()
    local.weight.copy_(kernels.flatten(1))
    local.bias.copy_(bias[:, None, None])
    for images in (x, x.contiguous(memory_format=torch.channels_last)):
        assert torch.allclose(local(images), F.conv2d(x, kernels, bias, stride), rtol=0, atol=1e-12)


def test_gradients_of_a_locally_connected_layer():
    local = layer(2, 2, (4, 3), 2)
    x = torch.randn(2, 2, 4, 3).double().requires_grad_()

    def run(x, weight, bias):
        return torch.func.functional_call(local, {"weight": weight, "bias": bias}, (x,))

    assert torch.autograd.gradcheck(run, (x, local.weight, local.bias))


@torch.no_grad()
def test_a_new_layer_keeps_the_size_of_what_it_rectifies():
    torch.manual_seed(0)
    local = LocallyConnected(8, 32, (12, 12), 5)
    x = torch.randn(64, 8, 12, 12).relu()
    assert local(x).relu().square().mean().item() == pytest.approx(x.square().mean().item(), rel=0.05)
    assert not local.bias.any()


def test_inputs_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"\(3, 7, 6\), and none for \(3, 6, 7\)"):
        layer()(torch.zeros(1, 3, 6, 7))
    with pytest.raises(ValueError, match=r"\(3, 7, 6\), and none for \(2, 7, 6\)"):
        layer()(torch.zeros(1, 2, 7, 6))
    with pytest.raises(ValueError, match=r"input_size=\(7, 2\) is smaller than kernel_size=3"):
        LocallyConnected(3, 4, (7, 2), 3)


# The network


@pytest.mark.parametrize("size", [(80, 64), (60, 48), (40, 32), (30, 30), (31, 45)])
def test_features_are_sparse_and_never_negative(size):
    torch.manual_seed(0)
    model = DeepFaceNet(48, size)
    for mode in (True, False):
        features = model.train(mode)(torch.rand(4, 3, *size))
        assert features.shape == (4, 48)
        assert (features >= 0).all() and 0.2 < (features == 0).float().mean() < 0.9


def test_layers_are_the_papers():
    body = DeepFaceNet().body
    kinds = [layer for layer in body if isinstance(layer, nn.Conv2d | LocallyConnected | nn.MaxPool2d | nn.Linear)]
    assert [type(layer).__name__[:3] for layer in kinds] == ["Con", "Max", "Con", "Loc", "Loc", "Loc", "Lin"]
    assert [layer.output_size for layer in kinds[3:6]] == [(32, 24), (15, 11), (13, 9)]
    assert sum(isinstance(layer, nn.ReLU) for layer in body) == 6
    assert sum(p.numel() for p in DeepFaceNet().parameters()) / 1e6 == pytest.approx(6, abs=0.2)


def test_dropout_is_on_the_features_alone():
    torch.manual_seed(0)
    model, images = DeepFaceNet(64, (40, 32), dropout=0.75), torch.rand(8, 3, 40, 32)
    assert isinstance(model.body[-1], nn.Dropout) and DeepFaceNet().body[-1].p == 0.5
    assert sum(isinstance(layer, nn.Dropout) for layer in model.body) == 1
    assert (model.train()(images) == 0).float().mean() > (model.eval()(images) == 0).float().mean() + 0.2


def test_images_of_another_size_are_refused():
    with pytest.raises(ValueError, match=r"built for images of \(40, 32\) \(height, width\), not \(32, 40\)"):
        DeepFaceNet(8, (40, 32))(torch.rand(1, 3, 32, 40))
    with pytest.raises(ValueError, match=r"image_size=\(80, 29\).*at least 30"):
        DeepFaceNet(image_size=(80, 29))
    with pytest.raises(ValueError, match="float images"):
        DeepFaceNet(8, (40, 32))(torch.zeros(1, 3, 40, 32, dtype=torch.uint8))


def test_many_faces_at_once():
    model = DeepFaceNet(16, (40, 32)).eval()
    faces = (torch.rand(5, 3, 40, 32) * 255).to(torch.uint8)
    features = features_of(model, faces, batch_size=2)
    with torch.no_grad():
        assert torch.allclose(features, model(faces / 255), atol=1e-5)
    assert torch.allclose(embed(model, faces), F.normalize(features, dim=1))


def test_it_learns():
    torch.manual_seed(0)
    model, loss = DeepFaceNet(32, (40, 32), dropout=0.0), CrossEntropy(32, 4)
    images, people = torch.rand(8, 3, 40, 32), torch.arange(4).repeat(2)
    optimizer = torch.optim.SGD([*model.parameters(), *loss.parameters()], lr=0.01)
    losses = []
    for _ in range(4):
        losses.append(loss(model(images), people))
        optimizer.zero_grad()
        losses[-1].backward()
        optimizer.step()
    assert losses[-1] < losses[0] - 0.1
    assert [name for name, p in model.named_parameters() if not p.grad.any()] == []


# The similarity


def sparse(n, dim=12, seed=0):
    """Features as a ReLU gives them, float64."""
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed)).double().relu() * torch.arange(1, dim + 1)


def chi_square(dim=12, seed=5):
    generator = torch.Generator().manual_seed(seed)
    largest, weights = torch.rand(2, dim, generator=generator).double() + 0.1
    return ChiSquare(largest * 3, weights - 0.3)


def test_components_are_divided_by_the_largest_and_the_vector_by_its_length():
    chi = ChiSquare(torch.tensor([2.0, 10.0, 1.0]), torch.ones(3))
    features = torch.tensor([[2.0, 0.0, 0.0], [6.0, 40.0, -7.0], [0.0, -1.0, 0.0]])
    assert chi.normalised(features).tolist() == [[1, 0, 0], pytest.approx([0.6, 0.8, 0]), [0, 0, 0]]


def test_similarity_by_its_formula():
    a, b, chi = sparse(5), sparse(7, seed=1), chi_square()
    fa, fb = ([[max(x, 0) / m for x, m in zip(row, chi.largest.tolist())] for row in f.tolist()] for f in (a, b))
    fa, fb = ([[x / sum(y * y for y in row) ** 0.5 for x in row] for row in f] for f in (fa, fb))
    found = chi.similarity(a, b)
    assert found.shape == (5, 7)
    for i, j in itertools.product(range(5), range(7)):
        terms = [(x - y) ** 2 / (x + y) if x + y else 0 for x, y in zip(fa[i], fb[j])]
        assert found[i, j].item() == pytest.approx(-sum(w * t for w, t in zip(chi.weights.tolist(), terms)), abs=1e-12)


def test_unweighted_it_is_scikit_learns_kernel():
    chi = chi_square()._replace(weights=torch.ones(12).double())
    a, b = sparse(5), sparse(7, seed=1)
    wanted = torch.from_numpy(additive_chi2_kernel(chi.normalised(a).numpy(), chi.normalised(b).numpy()))
    assert torch.allclose(chi.similarity(a, b), wanted, rtol=0, atol=1e-12)


def test_nothing_but_zeros_is_no_nan():
    chi = ChiSquare(torch.ones(3), torch.ones(3))
    x = torch.tensor([[0.0, 0.0, 0.0], [0.0, 3.0, 4.0]])
    assert torch.allclose(chi.similarity(x, x), torch.tensor([[0.0, -1.4], [-1.4, 0.0]]))


def test_small_numbers_count_too():
    chi = ChiSquare(torch.ones(2), torch.ones(2))
    a, b = torch.tensor([[1e-6, 1.0]]), torch.tensor([[3e-6, 1.0]])
    assert chi.paired(a, b).item() == pytest.approx(-((2e-6) ** 2) / 4e-6, rel=1e-5)


def test_symmetric_and_by_pairs():
    a, b, chi = sparse(6), sparse(6, seed=1), chi_square()
    found = chi.similarity(a, b)
    assert torch.equal(found.T, chi.similarity(b, a))
    assert torch.allclose(chi.paired(a, b), found.diagonal(), rtol=0, atol=1e-12)
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    assert torch.allclose(chi.similarity(a[order], b), found[order], rtol=0, atol=1e-12)
    assert not chi.similarity(a, a).diagonal().any()


@pytest.mark.parametrize("chunk", [1, 12, 50, 200])
def test_blocks_give_the_same_numbers(monkeypatch, chunk):
    a, b, chi = sparse(6), sparse(7, seed=1), chi_square()
    whole = chi.similarity(a, b)
    sizes, elements = [], deepface._elements
    monkeypatch.setattr(deepface, "_elements", lambda x, y: sizes.append(elements(x, y).numel()) or elements(x, y))
    monkeypatch.setattr(deepface, "_CHUNK", chunk)
    assert torch.allclose(chi.similarity(a, b), whole, rtol=0, atol=1e-12)
    assert len(sizes) > 1 and max(sizes) <= max(chunk, 12) and sum(sizes) == 6 * 7 * 12
    assert chi.similarity(a[:0], b).shape == (0, 7) and chi.similarity(a, b[:0]).shape == (6, 0)


def test_features_that_do_not_fit_are_refused():
    chi = chi_square()
    for bad in (sparse(3, 1), sparse(3, 11), sparse(3)[0]):
        with pytest.raises(ValueError, match=r"features must be \(N, 12\)"):
            chi.similarity(sparse(3), bad)
    with pytest.raises(ValueError, match="1 features cannot be paired with 3"):
        chi.paired(sparse(1), sparse(3))


# Learning it


def people(n=40, pictures=6, dim=20, telling=5, seed=0):
    """People whom only the first components tell apart; in the others pictures differ, whoever is on them."""
    generator = torch.Generator().manual_seed(seed)
    identities = torch.arange(n).repeat_interleave(pictures)
    own = torch.rand(n, telling, generator=generator)[identities]
    own = own + 0.15 * torch.randn(len(own), telling, generator=generator)
    other = torch.rand(n * pictures, dim - telling, generator=generator)
    return torch.cat((own, other), 1).relu() * 4, identities


def tpr(chi, features, identities):
    """TPR over all pairs at FPR 0.05."""
    i, j = torch.triu_indices(len(features), len(features), 1)
    scores, same = chi.similarity(features, features)[i, j], identities[i] == identities[j]
    return (scores[same] > scores[~same].quantile(0.95)).float().mean().item()


def test_what_tells_people_apart_gets_the_weight():
    chi = learn(*people())
    assert chi.weights[:5].min() > 3 * chi.weights[5:].abs().max()
    strangers = people(seed=1)
    assert tpr(chi, *strangers) > tpr(chi._replace(weights=torch.ones(20)), *strangers) + 0.2


@pytest.mark.parametrize("c", [0.01, 10.0])
def test_the_weights_are_those_of_a_machine_on_all_pairs(c):
    """scikit-learn's, trained on every pair, with those of one person counted as much as those of two."""
    features, identities = people(n=15)
    found = learn(features, identities, pairs=20_000, c=c)
    f = features / features.amax(0)
    f = (f / f.norm(dim=1, keepdim=True)).double().numpy()
    i, j = torch.triu_indices(len(f), len(f), 1)
    elements = (f[i] - f[j]) ** 2 / (f[i] + f[j] + 1e-12)
    c_of_all = c * 20_000 / len(elements)  # the same weight against the weights' own size
    machine = LinearSVC(C=c_of_all, dual=False, class_weight="balanced").fit(elements, identities[i] == identities[j])
    wanted = -torch.from_numpy(machine.coef_[0]).float()
    assert torch.allclose(found.largest, features.amax(0))
    assert (found.weights - wanted).norm() < 0.1 * wanted.norm()


def test_the_largest_is_at_least_epsilon():
    features, identities = people()
    features[:, 7], features[:, 8] = 0.0, -features[:, 8]
    features[:, 9] *= 0.01 / features[:, 9].max()
    chi = learn(features, identities)
    assert chi.largest[6:10].tolist() == pytest.approx([features[:, 6].max().item(), 0.05, 0.05, 0.05])
    assert chi.weights[7:9].tolist() == [0, 0]


def test_a_draw_belongs_to_its_seed():
    features, identities = people()
    chi = learn(features, identities)
    assert torch.equal(chi.weights, learn(features, identities).weights)
    assert not torch.equal(chi.weights, learn(features, identities, seed=1).weights)


def test_the_order_and_the_names_of_people_do_not_matter():
    features, identities = people()
    chi = learn(features, identities, pairs=20_000)
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(3))
    again = learn(features[order], (1000 - 7 * identities)[order], pairs=20_000)
    assert torch.equal(chi.largest, again.largest)
    assert (chi.weights - again.weights).norm() < 0.1 * chi.weights.norm()


@pytest.mark.parametrize(
    ("given", "wanted"),
    [(torch.float64, torch.float64), (torch.float32, torch.float32), (torch.float16, torch.float32)],
)
def test_dtypes(given, wanted):
    features, identities = people()
    chi = learn(features.to(given), identities, pairs=400)
    assert chi.largest.dtype == chi.weights.dtype == chi.similarity(features.to(given), features).dtype == wanted


def test_pairs_are_what_they_are_said_to_be():
    identities = torch.tensor([3, 5, 3, 9, 5, 3, 7])
    first, second, same = deepface._draw_pairs(identities, 20_000, torch.Generator().manual_seed(0))
    assert same.tolist() == [True] * 20_000 + [False] * 20_000
    assert torch.equal(identities[first] == identities[second], same) and not (first == second).any()
    counts = torch.zeros(7, 7).index_put_((first, second), torch.ones(40_000), accumulate=True)
    one = (identities[:, None] == identities) & ~torch.eye(7, dtype=torch.bool)
    of_one, of_two = torch.tensor([2.0, 1, 2, 0, 1, 2, 0]), torch.tensor([4.0, 5, 4, 6, 5, 4, 6])
    for kind, partners in ((one, of_one), (identities[:, None] != identities, of_two)):
        wanted = (kind / partners[:, None]).nan_to_num() * 20_000 / (partners > 0).sum()
        assert torch.allclose(counts[kind], wanted[kind], rtol=0.15)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x, y[1:]), r"\(N, D\), \(N,\)"),
        (lambda x, y: (x[0], y), r"\(N, D\), \(N,\)"),
        (lambda x, y: (x[:0], y[:0]), "0 people"),
        (lambda x, y: (x[:6], y[:6]), "1 people with at most 6 pictures"),
        (lambda x, y: (x, torch.arange(len(x))), "240 people with at most 1 pictures"),
        (lambda x, y: (x.index_fill(1, torch.tensor(2), torch.nan), y), "NaN"),
        (lambda x, y: (x.index_fill(1, torch.tensor(2), torch.inf), y), "NaN or infinity"),
        (lambda x, y: (x, y - 1), "identity below 0"),
        (lambda x, y: (-x, y), "no feature is above 0"),
        (lambda x, y: (0 * x, y), "no feature is above 0"),
        (lambda x, y: (0 * x + 2, y), "the same in all pictures"),
    ],
)
def test_bad_features_are_named(change, message):
    with pytest.raises(ValueError, match=message):
        learn(*change(*people()))


@pytest.mark.parametrize("setting", [dict(pairs=1), dict(c=0.0), dict(c=-1.0)])
def test_bad_settings_are_named(setting):
    with pytest.raises(ValueError, match=r"pairs=\d+ is below 2, or c="):
        learn(*people(), **setting)
