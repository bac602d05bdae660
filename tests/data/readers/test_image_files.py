import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from mlcli.data.readers.images import read_images
from mlcli.errors import DataError

GRADIENT = np.linspace(0, 255, 64).astype(np.uint8).reshape(8, 8)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "pgm", "gif"])
def test_lossless_formats_come_back_as_they_were(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    Image.fromarray(GRADIENT).save(path)
    np.testing.assert_array_equal(read_images([path], (8, 8), "gray")[0], GRADIENT)


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_lossy_formats_come_back_about_as_they_were(tmp_path, suffix):
    path = tmp_path / f"x.{suffix}"
    Image.fromarray(GRADIENT).save(path, quality=95)
    found = read_images([path], (8, 8), "gray")[0].astype(int)
    assert np.abs(found - GRADIENT).mean() < 4


def filled(path, mode, value, **keys):
    Image.new(mode, (4, 4), value).save(path, **keys)


@pytest.mark.parametrize(
    ("mode", "value", "keys", "expected"),
    [
        ("L", 100, {}, [100] * 3),
        ("1", 1, {}, [255] * 3),
        ("RGB", (10, 20, 30), {}, [10, 20, 30]),
        ("RGBA", (10, 20, 30, 255), {}, [10, 20, 30]),
        ("RGBA", (10, 20, 30, 0), {}, [255] * 3),
        ("RGBA", (0, 0, 0, 51), {}, [204] * 3),  # 255 · (1 − 0.2)
        ("LA", (0, 51), {}, [204] * 3),
        ("P", 0, {"transparency": 0}, [255] * 3),
        ("RGB", (1, 2, 3), {"transparency": (1, 2, 3)}, [255] * 3),
        ("I;16", 0x80FF, {}, [128] * 3),
        ("I;16", 0xFFFF, {}, [255] * 3),
    ],
)
def test_palette_alpha_and_16_bits(tmp_path, mode, value, keys, expected):
    filled(tmp_path / "x.png", mode, value, **keys)
    assert read_images([tmp_path / "x.png"], (4, 4), "rgb")[0, 0, 0].tolist() == expected


def test_palette_colours(tmp_path):
    picture = Image.new("P", (4, 4), 1)
    picture.putpalette([0, 0, 0, 9, 8, 7])
    picture.save(tmp_path / "x.gif")
    assert read_images([tmp_path / "x.gif"], (4, 4), "rgb")[0, 0, 0].tolist() == [9, 8, 7]


def test_resizing_averages(tmp_path):
    checks = np.indices((64, 64)).sum(axis=0) % 2 * 255
    Image.fromarray(checks.astype(np.uint8)).save(tmp_path / "x.png")
    found = read_images([tmp_path / "x.png"], (4, 8), "gray")
    assert found.shape == (1, 4, 8)
    assert found.astype(float) == pytest.approx(np.full((1, 4, 8), 127.5), abs=6)


def test_upright_as_the_camera_says(tmp_path):
    pixels = np.zeros((4, 8), np.uint8)
    pixels[:, :4] = 255  # left half white
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° clockwise to see it upright
    Image.fromarray(pixels).save(tmp_path / "x.png", exif=exif)
    np.testing.assert_array_equal(read_images([tmp_path / "x.png"], (8, 4), "gray")[0, :, 0], [255] * 4 + [0] * 4)


def test_order_is_kept(tmp_path):
    paths = [tmp_path / f"{value}.png" for value in range(40)]
    for value, path in enumerate(paths):
        filled(path, "L", value)
    assert read_images(paths, (4, 4), "gray")[:, 0, 0].tolist() == list(range(40))


def test_large_jpeg_is_reduced(tmp_path):
    Image.new("RGB", (2000, 1000), (200, 100, 50)).save(tmp_path / "x.jpg")
    found = read_images([tmp_path / "x.jpg"], (28, 28), "rgb")
    assert found.shape == (1, 28, 28, 3)
    assert found[0, 14, 14].astype(float) == pytest.approx([200, 100, 50], abs=3)


class TestUnreadable:
    def check(self, path, said):
        with pytest.raises(DataError, match=f"{path.name}: .*{said}"):
            read_images([path], (4, 4), "gray")

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "the file is empty"),
            (b"<!DOCTYPE html><html>", "its content is text"),
            (b"version https://git-lfs.github.com/spec/v1", "its content is text"),
            (b"\0\0\0\x1cftypheic\0\0", "its content is HEIC, AVIF or a film; save it as PNG or JPEG"),
            (b"\x89PXG\r\n\x1a\n\0\0", "its content is of another format, or its start is damaged"),
        ],
    )
    def test_what_it_is(self, tmp_path, content, said):
        (tmp_path / "x.png").write_bytes(content)
        self.check(tmp_path / "x.png", rf"cannot be read as an image \({said}\); replace or remove it")

    def test_truncated_at_every_length(self, tmp_path):
        Image.fromarray(GRADIENT).save(tmp_path / "good.png")
        content = (tmp_path / "good.png").read_bytes()
        for length in range(0, len(content) - 12, 5):
            (tmp_path / "x.png").write_bytes(content[:length])
            self.check(tmp_path / "x.png", "cannot be read")

    def test_wrong_checksum(self, tmp_path):
        Image.fromarray(GRADIENT).save(tmp_path / "x.png")
        content = bytearray((tmp_path / "x.png").read_bytes())
        content[content.index(b"IDAT") + 12] ^= 4
        (tmp_path / "x.png").write_bytes(content)
        self.check(tmp_path / "x.png", "cannot be read")

    def test_a_format_not_read(self, tmp_path):
        Image.new("L", (4, 4)).save(tmp_path / "x.ico")
        self.check(tmp_path / "x.ico", "cannot be read")

    def test_float_pixels(self, tmp_path):
        Image.new("F", (4, 4), 0.5).save(tmp_path / "x.tif")
        self.check(tmp_path / "x.tif", "no known range")

    @pytest.mark.parametrize("side", [10_000, 60_000])
    def test_bomb(self, tmp_path, side):
        def chunk(kind, data):
            return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

        header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
        (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body)
        self.check(tmp_path / "x.png", "exceeds limit")

    def test_all_are_counted_and_the_first_named(self, tmp_path):
        paths = [tmp_path / f"{place}.png" for place in range(20)]
        for place, path in enumerate(paths):
            if place % 2:
                path.write_text("")
            else:
                filled(path, "L", 1)
        with pytest.raises(DataError) as caught:
            read_images(paths, (4, 4), "gray")
        first, others = str(caught.value).split("; 9 more of 20: ")
        assert first == f"{paths[1]}: cannot be read as an image (the file is empty)"
        assert [f"/{place}.png" in others for place in (3, 5, 7, 9, 11, 13)] == [True] * 5 + [False]
        assert others.endswith("and 4 more; replace or remove them (PNG, JPEG, GIF, BMP, WEBP, TIFF, PPM are read)")


@pytest.mark.parametrize(("mode", "value", "expected"), [("CMYK", (0, 255, 255, 0), [255, 0, 0]), ("1", 1, [255] * 3)])
def test_cmyk_and_bits(tmp_path, mode, value, expected):
    filled(tmp_path / "x.tif", mode, value)
    assert read_images([tmp_path / "x.tif"], (4, 4), "rgb")[0, 0, 0].tolist() == expected


def test_a_mode_without_gray_is_refused(tmp_path):
    filled(tmp_path / "x.tif", "LAB", (1, 2, 3))
    with pytest.raises(DataError, match=r"x\.tif: cannot be read as an image \(.*LAB"):
        read_images([tmp_path / "x.tif"], (4, 4), "gray")


@pytest.mark.parametrize("name", ["x.gif", "x.tif", "x.webp", "x.png"])
def test_several_frames_are_refused(tmp_path, name):
    frames = [Image.new("L", (4, 4), value) for value in (10, 200)]
    frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match=r"it has 2 frames; save the one to read as PNG"):
        read_images([tmp_path / name], (4, 4), "gray")


def test_a_photograph_with_its_preview_is_one_image(tmp_path):
    frames = [Image.new("L", (4, 4), value) for value in (10, 200)]
    frames[0].save(tmp_path / "x.jpg", format="MPO", save_all=True, append_images=frames[1:])
    assert read_images([tmp_path / "x.jpg"], (4, 4), "gray")[0, 0, 0] == 10
