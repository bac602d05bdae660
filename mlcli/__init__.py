"""Neural networks on tables and small images, from the command line and from Python.

    import mlcli
    model = mlcli.load("runs/iris")
    model.predict(frame)

`import mlcli` imports nothing else: what is named here is imported where it is first used.
"""

TYPE_CHECKING = False  # typing's, which is not imported either
if TYPE_CHECKING:
    from mlcli.api.estimators import MlpClassifier, MlpRegressor
    from mlcli.api.model import Model, load

__all__ = ["MlpClassifier", "MlpRegressor", "Model", "load"]


if not TYPE_CHECKING:  # to which any name would exist

    def __getattr__(name: str) -> object:
        if name in ("Model", "load"):
            from mlcli.api import model

            return getattr(model, name)
        if name in ("MlpClassifier", "MlpRegressor"):
            from mlcli.api import estimators

            return getattr(estimators, name)
        raise AttributeError(f"module 'mlcli' has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
