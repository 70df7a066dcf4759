"""textclf export."""

import pytest


@pytest.mark.parametrize(
    ("kind", "package", "start"), [("onnx", "onnx", b"\x08"), ("sklearn", "skops", b"PK")]
)
def test_a_model_is_written_and_its_path_printed(
    textclf, themes_model, tmp_path, kind, package, start
):
    pytest.importorskip(package)
    out = tmp_path / "exported"
    result = textclf("export", themes_model, "--format", kind, "--output", out)
    assert (result.returncode, result.stdout) == (0, f"{out}\n")
    assert out.read_bytes().startswith(start)
    again = textclf("export", themes_model, "--format", kind, "--output", out)
    assert again.returncode == 73
    assert "exists already" in again.stderr


def test_a_folder_that_is_not_there_is_told(textclf, themes_model, tmp_path):
    pytest.importorskip("onnx")
    out = tmp_path / "none" / "model.onnx"
    result = textclf("export", themes_model, "--format", "onnx", "--output", out)
    assert result.returncode == 73
    assert "none" in result.stderr
