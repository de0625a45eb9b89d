"""The detectors that chapter 07 defines, against scikit-image, scikit-learn, torchvision and plain loops."""

import math
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import skimage
import torch
from sklearn.svm import LinearSVC
from torch.nn import functional as F
from torchvision.ops import box_iou
from torchvision.transforms.v2 import functional as V

from dlsfaces import detect, evaluate
from tests.from_notebook import definitions

NAMES = definitions("07_classical_detection", "hog").__globals__
taught = SimpleNamespace(**NAMES)
to_grey, hog, signed_hog, other_windows = taught.to_grey, taught.hog, taught.signed_hog, taught.other_windows
EXACT, CLOSE = {"rtol": 0, "atol": 1e-9}, {"rtol": 0, "atol": 1e-4}


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def photo(*size, seed=0):
    """Noise with a grain of four pixels, uint8 (3, height, width)."""
    grain = F.interpolate(noise(1, 3, *(side // 4 + 1 for side in size), seed=seed), scale_factor=4)
    return (grain[0, :, : size[0], : size[1]] * 255).byte()


def jumble(count, seed=0):
    corners = noise(count, 2, seed=seed) * 60
    return torch.cat((corners, corners + 5 + noise(count, 2, seed=seed + 1) * 30), dim=1)


def summed(image, y, x, height, width):
    return float(image[y : y + height, x : x + width].sum())


@pytest.mark.parametrize("size", [(48, 60), (37, 50), (24, 31)])
@pytest.mark.parametrize("cell", [3, 4, 7, 8])
def test_hog_is_scikit_images(size, cell):
    grey, colour = noise(2, 1, *size).double(), noise(1, 3, *size).double()
    for image, ours in zip(grey[:, 0].numpy(), hog(grey, cell)):
        theirs = skimage.feature.hog(image, 9, (cell, cell), (2, 2), feature_vector=False)  # sums up in float32
        assert np.allclose(ours.permute(1, 2, 0).reshape(theirs.shape), theirs, rtol=0, atol=1e-7)
    assert torch.allclose(hog(to_grey(grey.expand(-1, 3, -1, -1)), cell), hog(grey, cell), **EXACT)
    assert np.allclose(to_grey(colour)[0, 0], skimage.color.rgb2gray(colour[0].permute(1, 2, 0).numpy()))


def signed_by_loops(grey, cell):
    """The 31 numbers of each inner cell of an image (H, W): (rows - 2, columns - 2, 31)."""
    rows, columns = (side // cell for side in grey.shape)
    cells, middles = np.zeros((rows, columns, 18)), [np.arange(n) * cell + (cell - 1) / 2 for n in (rows, columns)]
    for y, x in np.ndindex(rows * cell, columns * cell):
        right = grey[y, x + 1] - grey[y, x - 1] if 0 < x < grey.shape[1] - 1 else 0
        down = grey[y + 1, x] - grey[y - 1, x] if 0 < y < grey.shape[0] - 1 else 0
        which = int(math.degrees(math.atan2(down, right)) % 360 // 20)
        shares = [np.maximum(0, 1 - abs(at - middle) / cell) for at, middle in zip((y, x), middles)]
        cells[..., which] += math.hypot(right, down) * np.outer(*shares) / cell**2
    folded, found = cells[..., :9] + cells[..., 9:], np.zeros((rows - 2, columns - 2, 31))
    for r, c in np.ndindex(rows - 2, columns - 2):
        for k, (i, j) in enumerate(np.ndindex(2, 2)):
            length = math.sqrt((folded[r + i : r + i + 2, c + j : c + j + 2] ** 2).sum() + 1e-4)
            cut = np.minimum(np.concatenate((cells[r + 1, c + 1], folded[r + 1, c + 1])) / length, 0.2)
            found[r, c, :27] += cut / 2
            found[r, c, 27 + k] = 0.2357 * cut[:18].sum()
    return found


@pytest.mark.parametrize(("size", "cell"), [((18, 24), 3), ((20, 25), 3), ((26, 20), 4)])
def test_signed_hog_is_a_plain_loop_and_knows_a_negative(size, cell):
    grey = noise(2, 1, *size).double() * 0.1 + 0.45  # dim: the small number under the root counts
    one, other = signed_hog(grey, cell), signed_hog(1 - grey, cell)
    for image, ours in zip(grey[:, 0].numpy(), one.permute(0, 2, 3, 1)):
        assert np.allclose(ours, signed_by_loops(image, cell), **EXACT)
    assert torch.allclose(hog(1 - grey, cell), hog(grey, cell), **EXACT)
    assert (one[:, :18] - other[:, :18]).abs().mean() > 0.02
    assert torch.allclose(one[:, :18].roll(9, dims=1), other[:, :18], **EXACT)  # half a turn
    assert torch.allclose(one[:, 18:], other[:, 18:], **EXACT)


@pytest.mark.parametrize(("cell", "signed"), [(6, False), (3, False), (3, True), (6, True)])
def test_windows_one_by_one_all_at_once_and_in_tiles_score_alike(cell, signed, monkeypatch):
    side = 36 // cell - (2 if signed else 1)
    template = taught.Template(noise(1, 31 if signed else 36, side, side) - 0.5, 0.25, cell, signed)
    detector, image = taught.detector_of(template, smallest=36), photo(65, 83)
    whole, edge = list(detector.maps(image)), detector.beyond + cell
    grey = F.pad(to_grey(image[None].float() / 255), (edge,) * 4, mode="replicate")
    slow = taught.slow_scan(grey, template)
    assert slow.std() > 0.1 and torch.allclose(slow, taught.fast_scan(grey, template)[0], **CLOSE)
    assert torch.allclose(slow, whole[0][0], **CLOSE)
    monkeypatch.setattr("dlsfaces.detect.windows.TILE", 30)
    for (one, size), (other, same_size) in zip(whole, detector.maps(image), strict=True):
        assert size == same_size and torch.allclose(one, other, **CLOSE)


def stripes(count, seed):
    """Windows of bars of several widths and places, with noise: as many that lie as that stand."""
    waves = torch.arange(36) * (0.4 + 0.4 * noise(2 * count, 1, seed=seed)) + 6 * noise(2 * count, 1, seed=seed + 1)
    bars = waves.sin()[:, None, :, None].expand(-1, 1, -1, 36)
    windows = 0.5 + 0.3 * torch.cat((bars[:count], bars[count:].mT)) + 0.2 * noise(2 * count, 1, 36, 36, seed=seed + 2)
    return windows, torch.arange(2 * count) < count


@pytest.mark.parametrize(("cell", "signed"), [(6, False), (3, False), (4, True)])
def test_a_template_scores_as_scikit_learns_machine(cell, signed):
    (windows, is_face), (new, truth) = stripes(40, 0), stripes(9, 6)
    known, rows = (taught.describe(part, cell, signed) for part in (windows, new))
    scores = taught.learn_template(windows, is_face, cell, signed, C=0.1)(rows)
    assert torch.equal(scores > 0, truth)
    machine = LinearSVC(C=0.1, dual=False, tol=1e-3).fit(known.numpy(), is_face.numpy())
    assert np.allclose(scores, machine.decision_function(rows.numpy()), **CLOSE)


@pytest.mark.parametrize(("y", "x", "side"), [(20, 61, 36), (70, 11, 60), (31, 40, 95)])
def test_a_planted_pattern_is_found_at_its_place_and_scale(y, x, side):
    pattern, image = photo(36, 36, seed=5), photo(150, 170, seed=3)
    known = to_grey(pattern[None].float() / 255) + 0.1 * (noise(20, 1, 36, 36) - 0.5)
    others = other_windows([photo(150, 160, seed=k) for k in (1, 2)], 200)
    template = taught.learn_template(*taught.labelled(known, others), 3, True)
    image[:, y : y + side, x : x + side] = V.resize(pattern, [side, side])
    (found,) = taught.detector_of(template, smallest=30, threshold=-1.0)([image])
    assert box_iou(found.boxes[:1], torch.tensor([[x, y, x + side, y + side]])).item() > 0.75
    assert found.scores[0] > 0 and (len(found) == 1 or found.scores[1] < found.scores[0] - 0.3)


def test_other_windows_are_of_all_sizes_and_lie_in_the_photos():
    photos = [torch.arange(160.0).expand(3, 100, 160) / 160, torch.full((3, 30, 40), 0.25)]
    windows = other_windows(photos, 600)
    assert windows.shape == (600, 1, 36, 36) and torch.equal(windows, other_windows(photos, 600))
    assert not torch.equal(windows, other_windows(photos, 600, seed=1))
    assert torch.allclose(windows[1::2], torch.tensor(0.25))
    sides = (windows[::2, 0, 18, 22] - windows[::2, 0, 18, 13]) / 9 * 160 * 36  # by the slope of the first photo
    assert 23 < sides.min() < 27 and 90 < sides.max() < 101
    assert sides.median().item() == pytest.approx(math.sqrt(24 * 100), rel=0.1)  # evenly by scale


def test_iou_suppression_and_average_precision_are_the_packages():
    boxes, scores = jumble(60), noise(60, seed=7)
    overlaps = torch.tensor([[taught.slow_iou(a, b) for b in boxes.tolist()] for a in boxes.tolist()])
    assert torch.allclose(overlaps, box_iou(boxes, boxes), atol=1e-6) and (overlaps == 0).any()
    for limit in (0.0, 0.3, 0.7):
        fast = detect.suppressed(detect.Detections(boxes, scores), limit).boxes
        assert torch.equal(boxes[taught.slow_suppression(boxes.tolist(), scores.tolist(), limit)], fast)
    for seed, limit in ((10, 0.3), (10, 0.5), (20, 0.5), (30, 0.5)):
        truth = [jumble(count, seed + count) for count in (3, 0, 1, 8)]
        near = [torch.cat((b, b, b)) + 8 * (noise(3 * len(b), 4, seed=seed) - 0.5) for b in truth]
        found = [torch.cat((b, jumble(6, seed + k))) for k, b in enumerate(near)]
        surer = [noise(len(b), seed=seed + 50 + k) for k, b in enumerate(found)]
        rows = [(k, b, s) for k in range(4) for b, s in zip(found[k].tolist(), surer[k].tolist())]
        slow = taught.slow_average_precision(rows, [b.tolist() for b in truth], limit)
        fast = evaluate.detection_score(found, surer, truth, iou_threshold=limit).average_precision
        assert 0.1 < slow < 0.9 and slow == pytest.approx(fast, abs=1e-12)


def test_neighbours_vote_for_a_window_and_a_lone_one_keeps_its_score():
    boxes = torch.tensor([[0, 0, 10, 10], [50, 50, 60, 60], [51, 50, 61, 60], [50, 52, 60, 62], [50, 55, 60, 65.0]])
    every = detect.Detections(boxes, torch.tensor([1.0, 0.9, 0.8, 0.5, 0.7]))
    detector = SimpleNamespace(candidates=lambda count: every[:count], iou_threshold=0.3)
    found, empty = taught.with_votes(detector, beta=3.0)([5, 0])
    voted = math.log(sum(math.exp(3 * s) for s in (0.9, 0.8, 0.5))) / 3  # the last overlaps by a third only
    assert found.scores.tolist() == pytest.approx([voted, 1.0])
    assert found.boxes.tolist() == boxes[[1, 0]].tolist() and empty.boxes.shape == (0, 4)


def test_hard_windows_are_cut_out_of_the_photo_where_no_face_is():
    image, face = photo(90, 100), torch.tensor([[40.0, 40, 80, 80]])
    boxes = torch.tensor([[50.0, 40, 90, 80], [2, 3, 41.6, 42.6], [-6, 60, 30, 96], [60, 0, 96, 36]])
    padded, wanted = F.pad(image[None].float(), (20,) * 4, mode="replicate").byte()[0], []
    for x1, y1, x2, y2 in (boxes.round().int() + 20).tolist():
        wanted.append(to_grey(V.resize(padded[:, y1:y2, x1:x2], [36, 36])[None].float() / 255))
    finds = [SimpleNamespace(boxes=boxes)]
    found = taught.hard_windows(lambda photos: finds, [image, image], [face, face[:0]], most=2)
    assert torch.equal(found, torch.cat(wanted[1:3] + wanted[:2]))
    assert torch.equal(taught.hard_windows(lambda photos: finds, [image]), torch.cat(wanted))
    assert taught.hard_windows(lambda photos: finds, []).shape == (0, 1, 36, 36)


def test_errors_are_the_surest_false_alarms_and_the_widest_misses():
    boxes = torch.tensor([[0.0, 0, 20, 20], [30, 0, 60, 30], [60, 40, 70, 50]])
    crowd = [SimpleNamespace(image=photo(60, 80), faces=[SimpleNamespace(box=b) for b in part]) for part in (boxes, [])]
    found = [detect.Detections(boxes[[0, 1, 1]] + torch.tensor([[1.0], [2], [25]]), torch.tensor([0.9, 0.2, 0.6]))]
    found.append(detect.Detections(boxes[:1], torch.tensor([0.8])))
    (pictures, names), (_, widths) = taught.errors(found, crowd, threshold=0.5)
    assert names == ["0.8", "0.6"] and widths == ["30.0", "10.0"] and pictures[0].shape == (3, 64, 64)
    assert taught.errors(found, crowd, threshold=0.1, count=1)[1][1] == ["10.0"]


def test_a_haar_feature_is_a_difference_of_sums_of_pixels():
    images = noise(2, 9, 7).double()
    where = torch.tensor([0, 9, 12, 80 + 17])  # of (0, 0), (1, 1), (1, 4), and (2, 1) of the other image
    wanted = [summed(images[n, y:, x:], 2, 1, 4, 2) for n, y, x in ((0, 0, 0), (0, 1, 1), (0, 1, 4), (1, 2, 1))]
    sums = taught.box_sum(taught.integral(images).flatten(), 8, where, (2, 1, 4, 2))
    assert torch.allclose(sums, torch.tensor(wanted).double())
    for side in (2, 3, 5, 10):  # how many there are: Lienhart and Maydt 2002, section 2.1
        every = taught.haar_features(side)
        fits = [sum(side + 1 - n * k for k in range(1, side // n + 1)) for n in (1, 2, 3)]
        assert len(every) == 2 * fits[0] * (fits[1] + fits[2]) + fits[1] ** 2 == len(every.unique(dim=0))
    windows, features = noise(6, 10, 10).double() * torch.logspace(0, -3, 6)[:, None, None], every[::17]
    values = taught.haar_values(windows, features)
    for n, k in np.ndindex(values.shape):
        plain = sum(weight * summed(windows[n], *box) for *box, weight in features[k].tolist())
        assert values[n, k].item() == pytest.approx(plain / max(0.02, windows[n].numpy().std()), abs=6e-4)


def least_error(values, is_face, weights):
    """By brute force: the least weight of what a stump gets wrong, of values (N, K); no cut is between equal ones."""
    cuts = [(v, (low + high) / 2) for v in values.T for low, high in pairwise(v.unique())]
    return min(float(weights[(sign * v < sign * cut) != is_face].sum()) for v, cut in cuts for sign in (1, -1))


def test_the_best_stump_has_the_least_error():
    for seed in range(20):
        values = (noise(30, 8, seed=seed) * (2 + seed)).floor()  # many ties
        values[:, 3] = 1
        is_face, weights = noise(30, seed=seed + 50) < (0.2, 0.8)[seed % 2], noise(30, seed=seed + 100).double()
        ordered, orders = values.T.sort(dim=1)
        error, k, cut, polarity = taught.best_stump(orders, ordered[:, 1:] == ordered[:, :-1], is_face, weights, 3)
        says = polarity * values[:, k] < polarity * ordered[k, cut : cut + 2].mean()
        assert error == pytest.approx(least_error(values, is_face, weights))
        assert error == pytest.approx(weights[says != is_face].sum().item())


def test_adaboost_follows_its_table_round_by_round():
    windows, is_face, features = noise(40, 6, 6).double(), torch.arange(40) < 15, taught.haar_features(6)[::9]
    chosen, *stumps = taught.adaboost(windows, is_face, features, 8)
    values, found = taught.haar_values(windows, features), taught.haar_values(windows, chosen)
    weights, votes = torch.where(is_face, 1 / 30, 1 / 50).double(), torch.zeros(40).double()
    for t, (threshold, polarity, alpha) in enumerate(zip(*stumps)):
        weights /= weights.sum()
        wrong = (polarity * found[:, t] < polarity * threshold) != is_face
        error = weights[wrong].sum().item()
        assert error == pytest.approx(least_error(values, is_face, weights), abs=1e-5)
        assert alpha.item() == pytest.approx(math.log((1 - error) / error), abs=1e-4)
        weights[~wrong] *= error / (1 - error)
        votes += alpha * (wrong != is_face)
    assert ((votes >= stumps[2].sum() / 2) == is_face).double().mean() > 0.9
    shares = taught.votes_after_rounds(windows, (chosen, *stumps))
    assert torch.allclose(shares[:, -1], votes / stumps[2].sum())


def plain_score(cascade, window):
    """Stages passed, and behind the point the share of votes in the last one that was asked."""
    sums = [sum(weight * summed(window, *box) for *box, weight in parts) for parts in cascade.features.tolist()]
    values, (thresholds, signs, alphas) = np.array(sums) / max(0.02, window.numpy().std()), cascade.stumps.numpy()
    votes, ends = alphas * (signs * values < signs * thresholds), np.cumsum(cascade.sizes)
    shares = np.array([votes[a:b].sum() / alphas[a:b].sum() for a, b in pairwise((0, *ends))])
    failed = [*np.flatnonzero(shares < cascade.least), len(shares)][0]
    return failed + 0.999 * shares[min(failed, len(shares) - 1)]


def test_a_cascade_scores_a_photo_as_each_of_its_windows():
    cascade, every = taught.Cascade(), taught.haar_features(24)
    for stage, size in enumerate((3, 4, 5)):
        chosen, drawn = every[(noise(size, seed=stage) * len(every)).long()], noise(3, size, seed=stage + 9).double()
        cascade = cascade.with_stage(chosen, drawn[0] - 0.5, (drawn[1] - 0.5).sign(), drawn[2] + 0.1, least=0.4)
    grey = to_grey(photo(41, 53)[None] / 255)
    grey[..., :10] = 0.3  # a wall
    for stride in (1, 3):
        scores = taught.ask_photo(cascade, grey, stride)
        windows = grey[0, 0].unfold(0, 24, stride).unfold(1, 24, stride)
        assert scores.shape == windows.shape[:2]
        assert torch.allclose(scores.flatten(), taught.ask_windows(cascade, windows.reshape(-1, 24, 24)), **EXACT)
    plain = [plain_score(cascade, window.double()) for window in windows.reshape(-1, 24, 24)]
    assert np.allclose(scores.flatten(), plain, rtol=0, atol=1e-6)
    assert scores.floor().unique().tolist() == [0, 1, 2, 3]


def test_a_cascade_keeps_faces_and_rejects_the_rest(monkeypatch):
    pattern = to_grey(photo(24, 24, seed=5)[None] / 255)
    faces, held_out = (pattern + 0.4 * (noise(100, 1, 24, 24, seed=seed) - 0.5) for seed in (1, 2))
    photos = [photo(60, 70, seed=seed) for seed in range(4)]
    cascade = taught.train_cascade(faces, held_out, photos, (2, 3, 4), candidates=150, negatives=100, keep=0.95)
    scores = taught.ask_windows(cascade, held_out[:, 0])
    assert cascade.sizes == (2, 3, 4)
    for stage in range(3):
        assert (scores >= stage + 1).sum() >= 0.95 * (scores >= stage).sum()
    strange = taught.ask_photo(cascade, to_grey(photo(90, 90, seed=9)[None] / 255), 1)
    shares = [(strange >= stage).double().mean().item() for stage in range(4)]
    assert shares[0] == 1 and shares[1] < 0.6 and shares[2] < 0.6 * shares[1] and shares[3] < 0.05
    monkeypatch.setitem(NAMES, "SEARCH", 20)
    wall = [torch.full((3, 50, 50), 90, dtype=torch.uint8)]
    assert len(taught.train_cascade(faces, held_out, wall, (2, 3), candidates=150, negatives=100).sizes) == 1
    for empty in ((faces[:0], held_out, photos), (faces, held_out[:0], photos), (faces, held_out, [])):
        with pytest.raises(ValueError, match="give faces"):
            taught.train_cascade(*empty, (2,))
    with pytest.raises(ValueError, match="no face is left after 1 stages"):
        taught.train_cascade(faces, 1 - held_out, photos, (2, 3), candidates=150, negatives=100)


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_a_bag_counts_words_in_each_part_of_a_window(parts):
    grey, centres = to_grey(photo(60, 68)[None] / 255), noise(7, 36, seed=1) * 0.3
    weights = noise(parts, parts, 7, seed=2) - 0.5
    fast = taught.Bag(centres, weights, 0.5).maps(torch.cat((grey, grey.flip(3))))
    windows = torch.cat([grey[..., y : y + 44, x : x + 44] for y in range(0, 17, 4) for x in range(0, 25, 4)])
    descriptors = hog(windows.double(), 4)[..., 1:-1, 1:-1]
    words = (descriptors[:, None] - centres.double()[:, :, None, None]).square().sum(2).argmin(1)
    wanted = torch.zeros(len(words), parts, parts, 7)
    for n, y, x in np.ndindex(len(words), 8, 8):
        wanted[n, y * parts // 8, x * parts // 8, words[n, y, x]] += 1 / 64
    assert (wanted.sum((0, 1, 2)) > 0.1).sum() > 3
    assert np.allclose(taught.counted(words, 7, parts).toarray(), wanted.flatten(1), **EXACT)
    slow = (wanted * weights).sum((1, 2, 3)) + 0.5
    assert fast.shape == (2, 5, 7) and torch.allclose(fast[0].flatten(), slow, **CLOSE)
    if parts == 1:
        assert torch.allclose(taught.plain_map(grey, centres, weights[0, 0], 0.5), fast[0], **CLOSE)
    moved = taught.counted(words.flatten(1)[:, noise(64).argsort()].view_as(words), 7, parts).toarray()
    assert np.allclose(moved, wanted.flatten(1), **EXACT) == (parts == 1)


def test_a_bag_learns_and_too_few_descriptors_are_refused():
    (windows, is_face), (new, truth) = stripes(20, 0), stripes(9, 6)
    bag = taught.train_bag(windows[is_face], windows[~is_face], words=12, parts=2)
    assert bag.centres.shape == (12, 36) and torch.equal(taught.window_scores(bag.maps, new) > 0, truth)
    with pytest.raises(ValueError, match="words=65"):
        taught.learn_words(windows[:1], 65)
    with pytest.raises(ValueError, match="parts=-2"):
        taught.train_bag(windows[is_face], windows[~is_face], words=12, parts=-2)
