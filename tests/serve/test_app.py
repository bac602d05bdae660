"""Answers of each route: as `mlcli predict`, as the protocol has them, and refusals in its words."""

import json
from dataclasses import replace

import jsonschema
import polars as pl
import pytest

from mlcli.serve.models import load_model
from tests.conftest import ROOT
from tests.serve.servers import JSON, LIMITS, Asked

ROW = {"age": 30, "plan": "plus", "member": True, "since": "2024-03-05"}
ROWS = [ROW, ROW | {"age": None, "plan": "basic"}, ROW | {"age": 500, "plan": "unheard", "member": False}]
CSV = "age,plan,member,since\n30,plus,true,2024-03-05\n,basic,true,2024-03-05\n500,unheard,no,2024-03-05\n"
LINES = "\n".join(map(json.dumps, ROWS))


@pytest.mark.parametrize(
    ("media", "body", "file"),
    [
        ("application/json", json.dumps(ROWS[:2]), None),
        ("text/csv", CSV, "csv"),
        ("application/x-ndjson", LINES, "jsonl"),
    ],
)
def test_predictions_are_those_of_the_command(asked, in_kinds, mlcli, media, body, file):
    path = in_kinds / f"new.{file or 'jsonl'}"
    path.write_text(body if file else "\n".join(map(json.dumps, json.loads(body))))
    told = mlcli("predict", path, "-o", "-", "--format", "jsonl")
    expected = [json.loads(line) for line in told.out.splitlines()]
    found = asked.post("/predict", body.encode(), content_type=media, accept="application/json")
    assert found.status == 200
    assert found.json["predictions"] == expected
    assert [f"warning: {text}" for text in found.json["warnings"]] == [
        line for line in told.err.splitlines() if line.startswith("warning")
    ]


def test_csv_is_answered_by_csv(asked, in_kinds, mlcli):
    (in_kinds / "new.csv").write_text(CSV)
    told = mlcli("predict", "new.csv", "-o", "-", "--interval", "0.8")
    found = asked.post("/models/kinds/predict?interval=0.8", CSV.encode(), content_type="text/csv")
    assert (found.status, found.content.decode()) == (200, told.out)
    assert found.headers["content-type"].startswith("text/csv")


def test_contributions_add_up(asked, in_kinds):
    found = asked.post("/predict?explain=4", ROWS[:2]).json
    assert found["explanation"]["quantity"] == "probability of 'stay'"
    for row, predicted in zip(found["explanation"]["rows"], found["predictions"], strict=True):
        parts = sum(one["contribution"] for one in row["contributions"])
        assert row["base"] + parts + row["others"] == pytest.approx(row["output"], abs=1e-9)
        assert row["output"] == pytest.approx(predicted["probability_stay"], abs=1e-8)


@pytest.mark.parametrize(
    ("media", "body", "file"),
    [
        ("text/csv", "age,plan,member\n1,basic,yes\n", "csv"),
        ("text/csv", "age,plan,member,since\nx,basic,yes,2024-01-01\n", "csv"),
        ("text/csv", "age,plan,member,since\n1,basic,yes,5 May\n", "csv"),
        ("application/x-ndjson", '{"age": 1, "age": 2, "plan": "a", "member": true, "since": null}', "jsonl"),
        ("application/x-ndjson", '{"age": 1}\n{"age": "a"}\n', "jsonl"),
        ("application/json", '[{"age": NaN, "plan": "a", "member": true, "since": null}]', "jsonl"),
        ("application/json", '[{"age": {}, "plan": "a", "member": true, "since": null}]', "jsonl"),
    ],
)
def test_refusals_are_those_of_the_command(asked, in_kinds, mlcli, media, body, file):
    (in_kinds / f"bad.{file}").write_text(body.strip("[]") if media == "application/json" else body)
    told = mlcli("predict", f"bad.{file}")
    found = asked.post("/predict", body.encode(), content_type=media)
    assert (told.code, found.status) == (3, 422)
    label = "rows" if media == "application/json" else "body"
    error = found.json["error"]
    said = f"error: {error['message']}".replace(f"{label}:", f"bad.{file}:", 1)
    assert told.err.strip() == f"Model: kinds/001\n{said}"
    assert error["place"].startswith(label)
    assert error["remedy"]


REFUSED = [
    ("GET", "/nowhere", b"", {}, 404),
    ("GET", "/predict", b"", {}, 405),
    ("POST", "/health", b"", {}, 405),
    ("POST", "/models/other/predict", b"{}", JSON, 404),
    ("POST", "/v2/models/kinds/versions/7/infer", b"{}", JSON, 404),
    ("POST", "/predict", b"", JSON, 400),
    ("POST", "/predict", b"{", JSON, 400),
    ("POST", "/predict", b"[]", JSON, 400),
    ("POST", "/predict", b"[1]", JSON, 400),
    ("POST", "/predict?interval=2", b"[{}]", JSON, 400),
    ("POST", "/predict?interval=x", b"{}", JSON, 400),
    ("POST", "/predict?explain=0", b"{}", JSON, 400),
    ("POST", "/predict?threshold=1", b"{}", JSON, 400),
    ("POST", "/predict", b"{}", JSON, 422),
    ("POST", "/predict", b"{}", {"Content-Type": "text/plain"}, 415),
    ("POST", "/predict", b"{}", {}, 415),
    ("POST", "/predict", b"{}", {**JSON, "Content-Encoding": "gzip"}, 415),
    ("POST", "/predict", b"\x1f\x8b\x08", {"Content-Type": "text/csv"}, 415),
    ("POST", "/predict", b"[" + b"{}," * 60 + b"{}]", JSON, 413),
    ("POST", "/predict", b"a\n" + b"1\n" * 51, {"Content-Type": "text/csv"}, 422),
    ("POST", "/predict", b"a\n" + b"1\n" * 151, {"Content-Type": "text/csv"}, 413),
    ("POST", "/predict", b" " * 5000, JSON, 413),
    ("POST", "/v2/models/kinds/infer", b"[]", JSON, 400),
]


def test_what_is_refused_and_how(kinds, in_kinds):
    """One JSON document each; no word of this machine."""
    with Asked({"kinds": kinds}, replace(LIMITS, body=4000, rows=50)) as asked:
        answers = asked.ask(*[case[:4] for case in REFUSED])
    assert [told.status for told in answers] == [case[4] for case in REFUSED]
    for told, (_, path, *_) in zip(answers, REFUSED, strict=True):
        error = told.json["error"]
        if path.startswith("/v2"):
            assert isinstance(error, str)
        else:
            assert (error["status"], bool(error["message"])) == (told.status, True)
            assert {"place", "received", "expected", "remedy"} <= set(error)
        assert str(in_kinds) not in told.content.decode()
        assert "Traceback" not in told.content.decode()
        assert told.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in told.headers["content-security-policy"]
    assert asked.bugs == []


def test_a_bug_is_told_to_the_server_alone(kinds, monkeypatch):
    secret = "/home/somebody/secret"
    monkeypatch.setattr("mlcli.serve.app.describe_form", lambda model: (_ for _ in ()).throw(KeyError(secret)))
    with Asked({"kinds": kinds}) as asked:
        told = asked.get("/models/kinds/form")
    assert (told.status, secret in told.content.decode()) == (500, False)
    assert [type(error) for error in asked.bugs] == [KeyError]


# What the protocol's REST document requires of each answer.
TENSOR = {
    "type": "object",
    "required": ["name", "datatype", "shape"],
    "properties": {
        "name": {"type": "string"},
        "datatype": {"pattern": "^(BOOL|BYTES|FP(16|32|64)|U?INT(8|16|32|64))$"},
        "shape": {"type": "array", "items": {"type": "integer"}},
    },
}  # fmt: skip
SERVER = {
    "type": "object",
    "required": ["name", "version", "extensions"],
    "properties": {"extensions": {"type": "array", "items": {"type": "string"}}},
}
MODEL = {
    "type": "object",
    "required": ["name", "platform", "inputs", "outputs"],
    "properties": {
        **{key: {"type": "string"} for key in ("name", "platform")},
        "versions": {"type": "array", "items": {"type": "string"}},
        **{key: {"type": "array", "items": TENSOR, "minItems": 1} for key in ("inputs", "outputs")},
        "properties": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
INFERENCE = {
    "type": "object",
    "required": ["model_name", "outputs"],
    "properties": {
        **{key: {"type": "string"} for key in ("model_name", "model_version", "id")},
        "outputs": {
            "type": "array",
            "items": {**TENSOR, "required": [*TENSOR["required"], "data"]},
        },
    },
}


def tensor(name, datatype, data, shape=None):
    return {"name": name, "datatype": datatype, "shape": shape or [len(data), 1], "data": data}


INPUTS = [
    tensor("age", "FP64", [30, 41.5]),
    tensor("plan", "BYTES", ["plus", "basic"]),
    tensor("member", "BOOL", [[True], [False]]),
    tensor("since", "BYTES", ["2024-03-05", "2024-07-01"], [2]),
]


def test_the_open_inference_protocol(asked):
    for path, schema in [
        ("/v2", SERVER),
        ("/v2/", SERVER),
        ("/v2/models/kinds", MODEL),
        ("/v2/models/kinds/versions/1", MODEL),
    ]:
        told = asked.get(path)
        assert told.status == 200
        jsonschema.validate(told.json, schema)
    assert asked.get("/v2/models/kinds/ready").json == {"name": "kinds", "ready": True}
    assert [asked.get(f"/v2/health/{name}").json for name in ("live", "ready")] == [{"live": True}] * 2
    told = asked.post("/v2/models/kinds/infer", {"id": "42", "inputs": INPUTS}).json
    jsonschema.validate(told, INFERENCE)
    rows = [{"age": 30, "plan": "plus", "member": True, "since": "2024-03-05"},
            {"age": 41.5, "plan": "basic", "member": False, "since": "2024-07-01"}]  # fmt: skip
    expected = asked.post("/predict", rows).json["predictions"]
    by_name = {own["name"]: own for own in told["outputs"]}
    assert (told["id"], told["model_name"], told["model_version"]) == ("42", "kinds", "1")
    assert by_name["prediction"]["data"] == [row["prediction"] for row in expected]
    shares = [row[f"probability_{name}"] for row in expected for name in ("leave", "stay")]
    assert (by_name["probabilities"]["shape"], by_name["probabilities"]["data"]) == ([2, 2], shares)
    chosen = asked.post(
        "/v2/models/kinds/versions/1/infer", {"inputs": INPUTS, "outputs": [{"name": "prediction"}]}
    ).json
    assert [own["name"] for own in chosen["outputs"]] == ["prediction"]


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": None},
        {"inputs": []},
        {"inputs": [own | {"data": [], "shape": [0, 1]} for own in INPUTS]},
        {"inputs": [*INPUTS, INPUTS[0]]},
        {"inputs": [INPUTS[0] | {"datatype": "FP99"}]},
        {"inputs": [INPUTS[0] | {"shape": [3, 1]}]},
        {"inputs": [INPUTS[0] | {"shape": [1, 2]}]},
        {"inputs": [INPUTS[0] | {"shape": [-2, -1]}]},
        {"inputs": [INPUTS[0] | {"shape": "2"}]},
        {"inputs": [INPUTS[0] | {"data": [[1], 2]}]},
        {"inputs": [{"name": "age"}]},
        {"inputs": [INPUTS[0] | {"data": [1], "shape": [1, 1]}, *INPUTS[1:]]},
        {"inputs": [7]},
        {"outputs": [{"name": "logits"}]},
        {"id": 42},
    ],
)
def test_what_the_protocol_refuses(asked, change):
    told = asked.post("/v2/models/kinds/infer", {"inputs": INPUTS} | change)
    assert (told.status, list(told.json)) == (400, ["error"])
    assert isinstance(told.json["error"], str)


def test_the_openapi_document_says_what_is_answered(asked):
    document = asked.get("/openapi.json").json
    path = document["paths"]["/predict"]["post"]
    row = path["requestBody"]["content"]["application/json"]["schema"]
    jsonschema.validate(ROWS, row)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"age": 1}, row)
    told = path["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(asked.post("/predict", ROWS).json, told)
    jsonschema.validate(asked.post("/predict", b"{").json, document["components"]["schemas"]["Error"])
    for address, methods in document["paths"].items():
        filled = address.replace("{model}", "kinds")
        for method in methods:
            told = asked.ask((method.upper(), filled, b"{}", JSON))[0]
            assert told.status not in (404, 405), address


def test_metrics_count(asked):
    asked.ask(*[("POST", "/predict", ROW, JSON)] * 5)
    asked.get("/nowhere")
    lines = dict(line.rsplit(" ", 1) for line in asked.get("/metrics").content.decode().splitlines() if line[0] != "#")
    assert lines['mlcli_requests_total{route="/predict",status="200"}'] == "5"
    assert lines['mlcli_requests_total{route="other",status="404"}'] == "1"
    assert lines['mlcli_rows_total{model="kinds"}'] == "5"
    assert lines["mlcli_request_seconds_count"] == lines['mlcli_request_seconds_bucket{le="+Inf"}'] == "6"
    assert float(lines["mlcli_batch_rows_sum"]) == 5
    assert lines["mlcli_requests_in_progress"] == "1"


def test_several_models_go_by_name(kinds, iris):
    with Asked({"kinds": kinds, "iris": iris}) as asked:
        assert [own["name"] for own in asked.get("/models").json["models"]] == ["kinds", "iris"]
        refused = asked.post("/predict", ROW)
        assert (refused.status, "/models/NAME/predict" in refused.json["error"]["remedy"]) == (400, True)
        flower = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
        assert asked.post("/models/iris/predict", flower).json["predictions"][0]["prediction"] == "setosa"
        form = asked.get("/models/iris/form").json
        length = form["columns"][0]
        assert (length["name"], length["kind"], length["step"]) == ("sepal_length", "number", 0.01)
        assert 4.3 <= length["low"] < length["typical"] < length["high"] <= 7.9


def test_the_form_has_a_control_a_column(asked):
    age, plan, member, since = asked.get("/models/kinds/form").json["columns"]
    frame = pl.read_csv(asked.api.models["kinds"].run.folder.parents[2] / "kinds.csv")
    assert (age["kind"], age["step"], frame["age"].min() <= age["low"] < age["high"]) == ("number", 1.0, True)
    assert plan == {"name": "plan", "kind": "category", "categories": ["basic", "gold", "plus"], "typical": "basic"}
    assert member == {"name": "member", "kind": "boolean", "typical": True}
    assert (since["low"][:4], since["high"][:4], since["has_time"]) == ("2024", "2024", False)


def pictures():
    """A bundle of images that an earlier version made."""
    found = [
        path for path in (ROOT / "tests/golden/bundles").iterdir() if '"shape"' in (path / "bundle.json").read_text()
    ]
    return load_model("pictures", str(found[0]))


def test_images_as_pixels_files_and_tensors(tmp_path):
    import io

    from PIL import Image

    model = pictures()
    height, width = model.image_shape[:2]
    assert len(model.image_shape) == 2
    pixels = [[(7 * i * j) % 256 for j in range(width)] for i in range(height)]
    file = io.BytesIO()
    image = Image.new("L", (width, height))
    image.putdata([value for line in pixels for value in line])
    image.save(file, "PNG")
    with Asked({"pictures": model}) as asked:
        first, second = (
            asked.post("/predict", {"image": pixels}),
            asked.post("/predict", file.getvalue(), content_type="image/png"),
        )
        inputs = [{"name": "image", "datatype": "UINT8", "shape": [1, height, width], "data": pixels}]
        third = asked.post("/v2/models/pictures/infer", {"inputs": inputs})
        assert (first.status, second.status, third.status) == (200, 200, 200)
        assert first.json["predictions"] == second.json["predictions"]
        assert third.json["outputs"][0]["data"] == [first.json["predictions"][0]["prediction"]]
        for body, media in [
            ({"image": [[300] * width] * height}, "application/json"),
            ({"image": [[1]]}, "application/json"),
            ({"image": [[1], [1, 2]]}, "application/json"),
            ({"image": "x"}, "application/json"),
            ({"x": 1}, "application/json"),
            (b"no image", "image/png"),
        ]:
            told = asked.post("/predict", body, content_type=media)
            assert told.status == 422, told.content
