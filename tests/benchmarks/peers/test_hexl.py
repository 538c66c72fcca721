"""The shim of Intel HEXL, on a small library with HEXL's interface, and what it refuses."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import ntt
from benchmarks.main import main
from benchmarks.operations import transforms
from benchmarks.operations.suite import WrongResult
from benchmarks.peers import hexl
from ntt.limbs import LimbOps

# The definition of the negacyclic transform, in HEXL's interface.
HEADER = """
#pragma once
#include <cstdint>
#include <stdexcept>
#include <vector>
namespace intel::hexl {
class NTT {
 public:
  NTT(uint64_t N, uint64_t q, uint64_t psi) : N(N), q(q), powers(2 * N, 1) {
    if (N > 512) throw std::invalid_argument("N");
    for (uint64_t i = 1; i < 2 * N; i++) powers[i] = product(powers[i - 1], psi);
    for (uint64_t i = 0; i < N; i++) places.push_back(reversed(i));
  }
  void ComputeForward(uint64_t* out, const uint64_t* x, uint64_t, uint64_t) {
    std::vector<uint64_t> sums(N, 0);
    for (uint64_t i = 0; i < N; i++)
      for (uint64_t j = 0; j < N; j++)
        sums[i] = (sums[i] + product(x[j], powers[j * (2 * places[i] + 1) % (2 * N)])) % q;
    for (uint64_t i = 0; i < N; i++) out[i] = sums[i];
  }
  void ComputeInverse(uint64_t* out, const uint64_t* x, uint64_t, uint64_t) {
    std::vector<uint64_t> sums(N, 0);
    uint64_t inverse_of_N = q - (q - 1) / N;
    for (uint64_t j = 0; j < N; j++) {
      for (uint64_t i = 0; i < N; i++) {
        uint64_t power = j * (2 * places[i] + 1) % (2 * N);
        sums[j] = (sums[j] + product(x[i], powers[(2 * N - power) % (2 * N)])) % q;
      }
      sums[j] = product(sums[j], inverse_of_N);
    }
    for (uint64_t j = 0; j < N; j++) out[j] = sums[j] + WRONG;
  }
 private:
  uint64_t product(uint64_t a, uint64_t b) const {
    return static_cast<uint64_t>(static_cast<unsigned __int128>(a) * b % q);
  }
  uint64_t reversed(uint64_t i) const {
    uint64_t found = 0;
    for (uint64_t bit = 1; bit < N; bit *= 2, i /= 2) found = 2 * found + i % 2;
    return found;
  }
  uint64_t N, q;
  std::vector<uint64_t> powers, places;
};
}
"""
KERNEL = 'extern "C" void ForwardTransformToBitReverseAVX512ILi52E() {}'


def installed(
    prefix: Path, *, version: str = "1.2.5", kernel: str = KERNEL, wrong: int = 0
) -> Path:
    """A folder that looks like HEXL's, with a library that computes by definition."""
    (prefix / "include" / "hexl").mkdir(parents=True)
    header = HEADER.replace("WRONG", str(wrong))
    (prefix / "include" / "hexl" / "hexl.hpp").write_text(header)
    (prefix / "lib" / "pkgconfig").mkdir(parents=True)
    (prefix / "lib" / "pkgconfig" / "hexl.pc").write_text(f"Name: HEXL\nVersion: {version}\n")
    source = prefix / "kernel.cpp"
    source.write_text(kernel)
    compiler = next(path for name in ("g++", "c++", "clang++") if (path := shutil.which(name)))
    library = str(prefix / "lib" / "libhexl.so")
    subprocess.run([compiler, "-shared", "-fPIC", str(source), "-o", library], check=True)
    return prefix


def test_run__has_rows_of_the_peer_and_its_ratio(tmp_path: Path) -> None:
    peer = hexl.load(installed(tmp_path))
    rows = transforms.run([128], seconds=0.02, peer=peer)
    assert [(row.library, row.version, row.backend) for row in rows[-2:]] == [
        ("Intel HEXL", "1.2.5", "")
    ] * 2
    assert [row.limit_ns_per_butterfly for row in rows[-2:]] == [None] * 2
    found = list(transforms.speedups(rows))
    assert len(found) == 2 * len(ntt.available_backends())
    for ours, theirs, factor in found:
        assert ours.operation == theirs.operation
        assert factor == theirs.median_s / ours.median_s > 1


def test_run__wrong_values_of_the_peer_are_an_error(tmp_path: Path) -> None:
    peer = hexl.load(installed(tmp_path, wrong=1))
    with pytest.raises(WrongResult, match="Intel HEXL does not undo"):
        transforms.run([128], seconds=0.01, peer=peer)


def test_transforms__equal_ours(tmp_path: Path) -> None:
    tables = ntt.NTTTables(128, ntt.find_primes(50, 128, 1))
    x = np.random.default_rng(1).integers(0, tables.moduli[0], (1, 128), dtype=np.uint64)
    found, peer = x.copy(), hexl.load(installed(tmp_path)).transforms(tables)
    peer.call("forward", found)()
    assert (found == LimbOps(tables, tables.all_rows).forward(x.copy())).all()
    peer.call("inverse", found)()
    assert (found == x).all()
    with pytest.raises(ValueError, match="128 contiguous uint64"):
        peer.call("forward", x[:, :64])


def test_transforms__a_degree_that_hexl_refuses(tmp_path: Path) -> None:
    tables = ntt.NTTTables(1024, ntt.find_primes(50, 1024, 1))
    with pytest.raises(hexl.HexlError, match="no transform for N = 1024"):
        hexl.load(installed(tmp_path)).transforms(tables)


def test_load__nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEXL_PREFIX", str(tmp_path))
    with pytest.raises(hexl.HexlError, match=r"no include/hexl/hexl.hpp .* --hexl or HEXL_PREFIX"):
        hexl.load()


def test_load__another_version(tmp_path: Path) -> None:
    with pytest.raises(hexl.HexlError, match=r"is HEXL 1\.3\.0; the shim needs 1\.2"):
        hexl.load(installed(tmp_path, version="1.3.0"))


def test_load__version_from_the_folder_of_cmake(tmp_path: Path) -> None:
    installed(tmp_path)
    (tmp_path / "lib" / "pkgconfig" / "hexl.pc").unlink()
    with pytest.raises(hexl.HexlError, match=r"no pkgconfig/hexl\.pc"):
        hexl.load(tmp_path)
    (tmp_path / "lib" / "cmake" / "hexl-1.2.6").mkdir(parents=True)
    assert hexl.load(tmp_path).version == "1.2.6"


def test_load__built_without_vectors(tmp_path: Path) -> None:
    with pytest.raises(hexl.HexlError, match="without AVX-512 IFMA"):
        hexl.load(installed(tmp_path, kernel=""))


def test_load__no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path)
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(hexl.HexlError, match=r"no C\+\+ compiler .* no-such-compiler"):
        hexl.load(tmp_path)


def test_load__headers_that_do_not_compile(tmp_path: Path) -> None:
    installed(tmp_path)
    (tmp_path / "include" / "hexl" / "hexl.hpp").write_text("#error other headers\n")
    with pytest.raises(hexl.HexlError, match=r"cannot compile the shim: .*error"):
        hexl.load(tmp_path)


def test_command__reports_what_is_missing_and_measures_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["ntt", "--degree", "128", "--seconds", "0.01", "--no-memory", "--backend", "scalar"]
    assert main([*words, "--peers", "--hexl", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    assert "Intel HEXL is left out: no include/hexl/hexl.hpp" in printed.err
    assert printed.out.count("scalar") == 2
    assert main([*words, "--hexl", str(installed(tmp_path / "hexl"))]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert printed.out.count("x Intel HEXL 1.2.5") == 2
