"""Vectors are read, checked and normalised as they are needed, and ties stay ties."""

import warnings

import numpy as np
import pytest
import torch

from dlsfaces.evaluate.cosines import Tile, Vectors, full_precision, side, slices


def unit(vectors, rows=None, dtype=None, name="v"):
    v = Vectors(name, vectors)
    rows = slice(0, len(v)) if rows is None else rows
    count = len(rows) if isinstance(rows, torch.Tensor) else rows.stop - rows.start
    return v.unit(rows, torch.empty(count, v.dim, dtype=dtype or v.dtype))


@pytest.mark.parametrize(
    ("dtype", "becomes"),
    [
        (torch.float64, torch.float64),
        (torch.float32, torch.float32),
        (torch.float16, torch.float32),
        (torch.bfloat16, torch.float32),
        (torch.int64, torch.float32),
        (torch.uint8, torch.float32),
        (np.float64, torch.float64),
        (np.float32, torch.float32),
        (np.float16, torch.float32),
        (np.int16, torch.float32),
        (np.dtype(">f4"), torch.float32),
        (np.dtype(">f8"), torch.float64),
    ],
    ids=str,
)
def test_kinds_of_numbers(dtype, becomes):
    exact = torch.tensor([[3, 4], [0, 2], [5, 12]])
    vectors = exact.to(dtype) if isinstance(dtype, torch.dtype) else exact.numpy().astype(dtype)
    got = unit(vectors)
    assert got.dtype == becomes
    assert got.double().numpy() == pytest.approx(np.array([[0.6, 0.8], [0, 1], [5 / 13, 12 / 13]]), abs=1e-7)


@pytest.mark.parametrize(
    "vectors", [torch.zeros(3, 2, dtype=torch.complex64), np.zeros((3, 2), complex), np.full((3, 2), "a")]
)
def test_what_is_no_real_number_is_refused(vectors):
    with pytest.raises(ValueError, match="v must be real numbers, not"):
        Vectors("v", vectors)


def test_memory_maps_strides_and_gradients_are_read_without_a_warning(tmp_path):
    numbers = np.random.default_rng(0).normal(size=(50, 6)).astype(np.float32)
    np.save(tmp_path / "d.npy", numbers)
    expected = numbers / np.linalg.norm(numbers, axis=1, keepdims=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert unit(np.load(tmp_path / "d.npy", mmap_mode="r")).numpy() == pytest.approx(expected, abs=1e-6)
        assert unit(numbers[::-2]).numpy() == pytest.approx(expected[::-2], abs=1e-6)
        assert unit(torch.tensor(numbers, requires_grad=True)).numpy() == pytest.approx(expected, abs=1e-6)
        places = torch.tensor([40, 3, 3])
        assert unit(np.load(tmp_path / "d.npy", mmap_mode="r"), places).numpy() == pytest.approx(expected[places])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_largest_and_the_smallest_vectors_have_a_direction(dtype):
    largest, smallest = {torch.float32: (3e38, 1e-44), torch.float64: (1e308, 1e-322)}[dtype]
    scales = torch.tensor([largest, 1e20, 1.0, 1e-20, smallest], dtype=dtype)
    assert unit(scales[:, None] * torch.tensor([1.0, 1.0], dtype=dtype)).numpy() == pytest.approx(0.5**0.5, rel=1e-6)
    middle = unit(torch.tensor([[3.0, 4.0]], dtype=dtype) * 2.0**-60)
    assert middle[0].tolist() == pytest.approx([0.6, 0.8], rel=1e-6)


@pytest.mark.parametrize("rows", [slice(40, 60), torch.arange(99, 30, -1)])
@pytest.mark.parametrize(("bad", "message"), [(0.0, "is zero"), (torch.nan, "NaN or inf"), (torch.inf, "NaN or inf")])
def test_a_bad_vector_is_named_by_its_row_in_the_whole(rows, bad, message):
    vectors = torch.ones(100, 4)
    vectors[47] = bad
    with pytest.raises(ValueError, match=f"distractors: vector 47 .*{message}"):
        unit(vectors, rows, name="distractors")


def test_one_infinite_number_in_a_vector_of_others_is_seen():
    vectors = torch.ones(9, 4)
    vectors[5, 2] = -torch.inf
    with pytest.raises(ValueError, match="vector 5 holds"):
        unit(vectors)


@pytest.mark.parametrize("count", [1, 15, 16, 17, 1222, 2048, 2049, 50_000])
def test_sides_are_whole_16s_and_waste_little(count):
    size = side(count)
    parts = slices(count, size)
    assert size % 16 == 0 and size <= 2048 and parts[0].start == 0 and parts[-1].stop == count
    assert len(parts) * size - count < 16 * len(parts)


@pytest.mark.parametrize("dim", [2, 100, 512, 513])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_pairs_have_equal_cosines_wherever_they_stand(dim, dtype):
    a, b = torch.randn(2, dim, dtype=dtype)
    tile = Tile(48, 32, dim, dtype, torch.device("cpu"))
    columns = torch.zeros(32, dim, dtype=dtype)
    Vectors("a", a.expand(19, dim).contiguous()).unit(slice(0, 19), columns[:19])
    seen = set()
    for filled in (1, 17, 48):
        tile.load(Vectors("b", b.expand(filled, dim).contiguous()), slice(0, filled))
        cosines = tile.cosines(columns, 19)
        assert (cosines[filled:] == -torch.inf).all() and (cosines[:, 19:] == -torch.inf).all()
        seen.update(cosines[:filled, :19].flatten().tolist())
    assert len(seen) == 1 and seen.pop() == pytest.approx(torch.cosine_similarity(a, b, dim=0).item(), abs=1e-6)


def coarse(choice):
    """A caller who prefers speed to digits, in torch's older or newer way, and what undoes it."""
    if choice == "older":
        before = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("medium")
        return lambda: torch.get_float32_matmul_precision(), lambda: torch.set_float32_matmul_precision(before)
    matmul = torch.backends.mkldnn.matmul
    before = matmul.fp32_precision
    matmul.fp32_precision = "bf16"
    return lambda: matmul.fp32_precision, lambda: setattr(matmul, "fp32_precision", before)


@pytest.mark.parametrize("choice", ["older", "newer"])
def test_the_callers_precision_is_not_used_and_holds_again_afterwards(choice):
    if choice == "newer" and not hasattr(getattr(torch.backends.mkldnn, "matmul", None), "fp32_precision"):
        pytest.skip("this torch has only the older interface")
    cpu, a, b = torch.device("cpu"), torch.randn(600, 512), torch.randn(512, 700)  # where it makes a difference
    exact = a @ b
    chosen, undo = coarse(choice)
    try:
        wanted = chosen()
        with full_precision(cpu), torch.no_grad():
            assert torch.equal(a @ b, exact)
        assert chosen() == wanted
        with pytest.raises(KeyError), full_precision(cpu):
            raise KeyError
        assert chosen() == wanted
    finally:
        undo()


def test_autocast_is_switched_off_and_on_again():
    a = torch.randn(8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with full_precision(torch.device("cpu")):
            assert (a @ a).dtype == torch.float32
        assert (a @ a).dtype == torch.bfloat16
