"""Predictions of rows that no network can measure."""


def test_predictions_that_are_no_numbers_are_counted(workspace, mlcli):
    rows = [f"{i % 7}.5,{i % 5}.5,{'no' if i % 3 else 'yes'}" for i in range(40)]
    (workspace / "t.csv").write_text("\n".join(["a,b,y", *rows]))
    (workspace / "t.yaml").write_text("dataset: {name: csv, path: t.csv, target: y}\nmodel: {hidden: [8]}")
    assert mlcli("train", "t.yaml", "-q", "-S", "training.epochs=1").code == 0
    (workspace / "new.csv").write_text("a,b\n1.5,2.5\n1e300,-1e300\n-1e300,-1e300\n1e300,1e300\n")
    told = mlcli("predict", "new.csv")
    n_wrong = sum("NaN" in line for line in told.out.splitlines())
    assert n_wrong > 0
    assert f"warning: {n_wrong} of 4 predictions are not finite numbers" in told.err
