"""What there is to know of a key, a section, or one member of a section."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from mlcli.config.rules.messages import describe, shown_value
from mlcli.config.sections.base import Section
from mlcli.config.sections.keys import ANY, Key, all_keys, field_shape, find_keys, names_of
from mlcli.config.tree import Value, dotted


@dataclass(frozen=True)
class Advice:
    """Of one key or section.

    change  : when to change it, where its description does not say so
    term    : the course's word for it, in English and Spanish
    example : a value, where the key's type suggests no good one
    """

    change: str = ""
    term: str = ""
    example: Value = None


NO_ADVICE = Advice()

ADVICE: dict[str, Advice] = {
    "name": Advice("Name experiments apart, and their runs are numbered apart.", example="income"),
    "seed": Advice("Train with three other seeds to see how far chance moves a score.", example=1),
    "device": Advice("Say cpu where an accelerator is busy or gives other results.", example="cpu"),
    "dataset": Advice(term="step 1, data preparation (preparación de datos)"),
    "dataset.path": Advice(example="people.csv"),
    "dataset.test_path": Advice("Give it where others compare on the same test rows.", example="people_test.csv"),
    "dataset.target": Advice(term="what is predicted: label or value (etiqueta, valor objetivo)", example="income"),
    "dataset.origin": Advice("Write it where the file does not travel with the config.", example="UCI, dataset 2"),
    "dataset.task": Advice(
        "Numbers that name things, such as codes 1 to 30, are classes; few grades may be regression.",
        "regression or classification (regresión, clasificación)",
    ),
    "dataset.drop": Advice(
        "Drop ids, and whatever is not known yet when a prediction is wanted.", example=("person_id",)
    ),
    "dataset.types": Advice("Say category for codes written as numbers.", example={"zip_code": "category"}),
    "dataset.dates": Advice("Say it where the day stands before the month.", example={"signed": "%d/%m/%Y"}),
    "dataset.keep": Advice("Train on a part of the table.", example={"country": ("ES", "PT")}),
    "dataset.replace": Advice("Mend spellings of one thing.", example={"city": {"Sevilla ": "Sevilla"}}),
    "dataset.duplicates": Advice("Drop them where the same row was recorded twice, not where two cases are alike."),
    "dataset.delimiter": Advice("European spreadsheets write ;."),
    "dataset.encoding": Advice("Older Windows programs write cp1252."),
    "dataset.decimal": Advice("Set it where 3,5 means three and a half."),
    "dataset.url": Advice(example="postgresql://me:${PASSWORD}@server/shop"),
    "dataset.query": Advice(example="SELECT age, city, income FROM people"),
    "dataset.images": Advice(example="train-images-idx3-ubyte.gz"),
    "dataset.labels": Advice(example="train-labels-idx1-ubyte.gz"),
    "dataset.test_images": Advice(example="t10k-images-idx3-ubyte.gz"),
    "dataset.test_labels": Advice(example="t10k-labels-idx1-ubyte.gz"),
    "dataset.size": Advice("Smaller trains faster; larger shows more.", "the dimension (dimensión)", (32, 32)),
    "dataset.color": Advice("Say rgb where colour tells the classes apart."),
    "dataset.offline": Advice("Set it where something must train without a network."),
    "dataset.rows": Advice("More rows hide less noise.", example=1000),
    "dataset.noise": Advice("Raise it to see overfitting.", example=0.25),
    "dataset.missing": Advice(term="missing values (valores perdidos)"),
    "dataset.missing.values": Advice(example=("", "NA", "-999")),
    "dataset.missing.drop_columns_over": Advice(example=0.5),
    "dataset.outliers": Advice(term="outliers by threshold or robust methods (valores atípicos)"),
    "dataset.outliers.name": Advice("iqr is the robust one; zscore trusts mean and deviation."),
    "dataset.outliers.threshold": Advice("1.5 IQRs is a box plot's; 3 marks far outliers alone.", example=1.5),
    "dataset.outliers.action": Advice("missing keeps the other cells of the row."),
    "dataset.split": Advice(term="hold-out: training, validation and test rows (entrenamiento, validación, prueba)"),
    "dataset.split.test": Advice("A few thousand rows tell a score to a point; more only cost training rows."),
    "dataset.split.valid": Advice("Early stopping, thresholds and searches are decided on these rows."),
    "dataset.split.by": Advice(
        "group for several rows of one patient or shop; time for what is to be predicted ahead.", example="stratified"
    ),
    "dataset.split.column": Advice(example="patient_id"),
    "dataset.split.seed": Advice("Set it to keep the same rows while the training's seed changes.", example=0),
    "features": Advice(term="step 2, feature engineering (ingeniería de características)"),
    "features.derive": Advice(
        "Write down what an expert would work out: ratios, squares, products.",
        "a feature is an individually measurable property used to predict (característica)",
        {"area": "width * length"},
    ),
    "features.drop": Advice(
        "Name a column here where its logarithm, or a ratio of it, says what it says.", example=("width",)
    ),
    "features.impute": Advice("mean for bell-shaped columns; median stands outliers.", "imputation (imputación)"),
    "features.fill_value": Advice(example=-1),
    "features.scale": Advice("robust or quantile for skewed columns and outliers.", "normalisation (normalización)"),
    "features.pieces": Advice(
        "Try 32 where trees beat the network: income that jumps at a threshold, prices that bend with the place.",
        "discretisation (discretización)",
        32,
    ),
    "features.clip": Advice(example=5),
    "features.encode": Advice(
        "ordinal for grades; embedding or target for columns with hundreds of categories; hash for comments.",
        "ordered codes, or dummies (variables dummy, one-hot)",
    ),
    "features.dates": Advice(
        "Cycles where the season, the day of the week or the hour matters; elapsed where things drift with time.",
        example=("month_cycle", "weekday", "elapsed"),
    ),
    "features.max_categories": Advice("Lower it where rare categories add noise.", example=20),
    "features.select": Advice(term="feature selection (selección de características)"),
    "features.select.variance": Advice(
        "Raise it to drop nearly constant columns.", "variance threshold (umbral de varianza)", 0.01
    ),
    "features.select.correlation": Advice(
        "Use it on many measurements of one thing.", "high-correlation filter (filtro de alta correlación)", 0.95
    ),
    "features.select.k_best": Advice("Use it with more features than rows can teach.", example=20),
    "features.select.rfe": Advice(
        "As k_best, where features help only together.", "recursive elimination (eliminación recursiva)", 10
    ),
    "features.extract": Advice("Many correlated columns, or pictures.", "feature extraction: PCA (extracción)", "pca"),
    "features.extract.components": Advice("Lower it while the validation score holds.", example=0.9),
    "features.extract.whiten": Advice("Try it where small components matter."),
    "features.columns": Advice(example={"age": {"scale": "robust"}}),
    "features.buckets": Advice("More where many different words matter; fewer with few rows.", example=64),
    "features.columns.*.buckets": Advice(example=64),
    "features.columns.*.dates": Advice(example=("month", "elapsed")),
    "features.columns.*.order": Advice(
        term="ordered categories (categorías ordenadas)", example=("low", "mid", "high")
    ),
    "features.columns.*.fill_value": Advice(example=-1),
    "features.columns.*.pieces": Advice(example=32),
    "model": Advice(term="multilayer perceptron (perceptrón multicapa)"),
    "model.hidden": Advice(
        "Too small underfits, too large overfits: grow it until the training loss falls, then regularise.",
        "hidden layers; hyper-parameters (capas ocultas, hiperparámetros)",
        (128, 64),
    ),
    "model.activation": Advice(
        "No sigmoid in hidden layers; ReLU with care for the learning rate, then leaky ReLU or ELU; tanh as a try.",
        "activation function (función de activación)",
        "elu",
    ),
    "model.output": Advice(term="output layer: sigmoid for two classes, softmax for K (capa de salida)"),
    "model.dropout": Advice(term="dropout, a regularisation (regularización)", example=0.2),
    "model.norm": Advice("Try batch where more than three layers train badly."),
    "model.init": Advice(
        "auto follows the activation.", "initialisation: He, Glorot (inicialización)", "glorot_uniform"
    ),
    "model.max_norm": Advice(
        "Try 1 to 4 beside dropout.", "weight constraints, a regularisation (restricciones de pesos)", 3
    ),
    "loss": Advice(term="loss of one example, cost of a set (pérdida, coste)"),
    "loss.class_weights": Advice(term="imbalanced data (datos desbalanceados)", example="balanced"),
    "loss.label_smoothing": Advice("Try 0.05 to 0.1 where labels may be wrong.", example=0.1),
    "loss.delta": Advice("Lower it to care less about far targets.", example=0.5),
    "loss.q": Advice("0.9 predicts what nine in ten stay below.", example=0.9),
    "loss.gamma": Advice("Raise it where easy rows drown the hard ones.", example=3),
    "optimizer": Advice(term="gradient descent w ← w − α·∂J/∂w (descenso por el gradiente)"),
    "optimizer.lr": Advice(
        "The first number to tune, on a log scale: 1e-2, 1e-3, 1e-4. Loss rises: lower it; falls slowly: raise it.",
        "learning rate α (tasa de aprendizaje)",
        0.003,
    ),
    "optimizer.l1": Advice("Use it to find out which features matter.", "L1 regularisation (regularización L1)", 1e-4),
    "optimizer.l2": Advice(
        "Raise it tenfold at a time against overfitting; with l1, elastic net.",
        "L2 regularisation (regularización L2)",
        0.001,
    ),
    "optimizer.momentum": Advice("Raise it where plain gradient descent zigzags or crawls.", "momentum (momento)", 0.9),
    "optimizer.nesterov": Advice("Try it with momentum 0.9."),
    "optimizer.rho": Advice("Lower it for noisier, quicker averages.", example=0.95),
    "optimizer.beta1": Advice("Seldom; 0.95 steadies noisy gradients.", example=0.95),
    "optimizer.beta2": Advice("Lower to 0.99 or 0.95 where rare large gradients slow it down.", example=0.99),
    "optimizer.eps": Advice("Raise it where training is unstable in float32 or bfloat16.", example=1e-6),
    "optimizer.iterations": Advice("More for smooth, small problems.", example=50),
    "optimizer.history": Advice("More remembers more curvature and takes more memory.", example=20),
    "optimizer.schedule": Advice(
        "one_cycle and cosine end with small, careful steps and seldom lose.", example="cosine"
    ),
    "optimizer.schedule.warmup": Advice("0.05 to 0.1 where the first steps diverge.", example=0.1),
    "optimizer.schedule.every": Advice("About a third of the epochs.", example=30),
    "optimizer.schedule.factor": Advice("Smaller drops faster.", example=0.5),
    "optimizer.schedule.end": Advice("Above 0 keeps learning to the end.", example=0.01),
    "optimizer.schedule.peak": Advice("Later for long runs.", example=0.2),
    "optimizer.schedule.after": Advice("About a tenth of all steps.", example=1000),
    "optimizer.schedule.patience": Advice("Well below early stopping's patience.", example=5),
    "training": Advice(term="step 3, modelling (modelado)"),
    "training.epochs": Advice(
        "More while the validation loss still falls; early stopping then ends it.", "epoch (época)", 200
    ),
    "training.batch_size": Advice(
        "Smaller steps are noisier and may find better weights; larger ones are faster a row.",
        "batch and mini-batch gradient descent (descenso por lotes, mini-lotes)",
        64,
    ),
    "training.shuffle": Advice("Only to see what order does."),
    "training.early_stopping": Advice(
        "Against overfitting, and to stop in time.",
        "early stopping, a regularisation (parada temprana)",
        {"patience": 15},
    ),
    "training.early_stopping.metric": Advice("Watch what you will be judged by, where the loss says less."),
    "training.early_stopping.patience": Advice("More for noisy curves and slow schedules.", example=30),
    "training.early_stopping.min_delta": Advice("Raise it to stop at diminishing returns.", example=0.001),
    "training.clip_norm": Advice("Where the loss jumps or diverges.", "exploding gradients (gradientes)", 1),
    "training.precision": Advice("float32 to compare to the last digit.", example="float32"),
    "training.checkpoint_seconds": Advice(
        "Larger where the disk is slow; 0 to be able to resume anywhere.", example=60
    ),
    "evaluation": Advice(term="step 4, performance measurement (medida del rendimiento)"),
    "evaluation.metrics": Advice(
        "Accuracy misleads where classes are imbalanced.",
        "accuracy, precision, recall, ROC, R² (exactitud, precisión, exhaustividad)",
        ("f1", "pr_auc"),
    ),
    "evaluation.threshold": Advice(
        "Lower it to find more of the rare class, at the price of false alarms.", "threshold (umbral)", 0.3
    ),
    "evaluation.positive": Advice("Name the class you look for.", "positive class (clase positiva)", "fraud"),
    "evaluation.confidence": Advice(example=0.99),
    "evaluation.seeds": Advice("5 or more to tell a better network from a luckier one.", example=5),
    "evaluation.folds": Advice(
        "Where rows are few, and one split of them says little.", "cross-validation (validación cruzada)", 5
    ),
    "evaluation.repeats": Advice("Where the folds' mean still moves with the seed.", example=3),
    "improve": Advice(term="step 5, improving performance (mejora del rendimiento)"),
    "improve.trials": Advice("Returns diminish: stop when it is no longer worth it.", example=60),
    "improve.timeout": Advice("Search as long as you can wait.", example=600),
    "improve.metric": Advice("f1_macro or mcc where classes are imbalanced.", example="roc_auc"),
    "improve.folds": Advice(
        "With fewer than some thousand rows; 5 is usual.", "cross-validation (validación cruzada)", 5
    ),
    "improve.sampler": Advice("random to explore evenly.", "random or Bayesian search (búsqueda aleatoria, bayesiana)"),
    "improve.storage": Advice(example="sqlite:///search.db"),
    "improve.space": Advice(
        "Narrow it around what was best.",
        "hyper-parameters (hiperparámetros)",
        {"optimizer.lr": {"log": (1e-4, 0.1)}, "model.dropout": (0.0, 0.5)},
    ),
    "improve.space.*.log": Advice(example=(1e-4, 0.1)),
    "improve.space.*.choices": Advice(example=(16, 32, 64)),
}


Path = tuple[str, ...]

# The user's own name that examples use for a column and for a key to search.
OWN_NAMES: dict[Path, str] = {("features", "columns"): "age", ("improve", "space"): "training.batch_size"}


@dataclass(frozen=True)
class KeyEntry:
    """A key as one or several members of a union have it.

    owners  : names of these members; empty where the key always exists
    default : as YAML; None where the key is required
    """

    owners: tuple[str, ...]
    values: str
    default: str | None
    meaning: str


@dataclass(frozen=True)
class Topic:
    """A key, a section, or one member of a section chosen by name, such as optimizer.sgd.

    member : the member that is meant
    owner  : of a key, the member of the section around it that is meant
    """

    path: Path
    member: str | None = None
    owner: str | None = None

    @property
    def title(self) -> str:
        """Its dotted name, the member's name behind it."""
        return dotted(self.path if self.member is None else (*self.path, self.member))

    @property
    def keys(self) -> tuple[Key, ...]:
        """The key, once for each member that has it."""
        found = find_keys(self.path)
        return tuple(key for key in found if self.owner is None or not key.names or self.owner in key.names)

    @property
    def advice(self) -> Advice:
        """What its description leaves to say."""
        known = next((key.path for key in self.keys), self.path)
        return ADVICE.get(".".join(known), NO_ADVICE)

    def entries(self) -> tuple[KeyEntry, ...]:
        """What is said of the key itself, once for each different account of it."""
        accounts: dict[KeyEntry, dict[str, None]] = {}
        for key in self.keys:
            account = KeyEntry((), describe(field_shape(key.field)), default_of(key), key.field.description or "")
            accounts.setdefault(account, {}).update(dict.fromkeys(key.names))
        everyone = Topic(self.path[:-1]).sections.keys()
        return tuple(
            replace(account, owners=() if names.keys() == everyone else tuple(names))
            for account, names in accounts.items()
        )

    @property
    def sections(self) -> dict[str, type[Section]]:
        """The sections that may stand here, by name; empty where there is no choice."""
        found = [section for key in self.keys for section in field_shape(key.field).sections()]
        return {name: section for section in found for name in names_of(section)}

    def members(self) -> dict[tuple[str, ...], str]:
        """Names to choose from, those of one section together, with what it is; only the one meant, if one is."""
        grouped: dict[type[Section], list[str]] = {}
        for name, section in self.sections.items():
            if self.member in (None, name):
                grouped.setdefault(section, []).append(name)
        return {tuple(names): summary_of(section) for section, names in grouped.items()}

    def inside(self) -> tuple["Topic", ...]:
        """The keys right under it, names of the user's own being passed over."""
        below = (key for key in all_keys() if leads(key.path, self.path) and depth(key.path[len(self.path) :]) == 1)
        mine = (key for key in below if self.member is None or not key.names or self.member in key.names)
        paths = dict.fromkeys(key.path for key in mine if not is_choice(key))
        return tuple(Topic(path, owner=self.member) for path in paths)

    def to_json(self) -> dict[str, Any]:
        """One entry of `explain --json`."""
        return {
            "key": self.title,
            "accounts": [asdict(entry) for entry in self.entries()],
            "names": [{"names": list(names), "meaning": meaning} for names, meaning in self.members().items()],
            "keys": [topic.title for topic in self.inside()],
            "when": self.advice.change or None,
            "course": self.advice.term or None,
            "example": example_of(self),
        }


def is_choice(key: Key) -> bool:
    """Whether the key is the `name` that chooses a section's member, and says nothing more."""
    return key.path[-1] == "name" and len(key.path) > 1 and not key.field.description


def default_of(key: Key) -> str | None:
    """The default as YAML, a section's as its name; None where there is none."""
    default = key.field.default
    if key.path == ("name",):
        return "file's name"
    if key.field.is_required():
        return None
    if isinstance(default, Section):
        return str(getattr(default, "name", ""))
    return default if isinstance(default, str) else shown_value(default)


def summary_of(section: type[Section]) -> str:
    """What a section's docstring says, on one line."""
    return " ".join((section.__doc__ or "").split())


def example_of(topic: Topic) -> dict[str, Value] | None:
    """A piece of a configuration that sets the key; None for a section that nothing is chosen in."""
    value = topic.advice.example
    if topic.member is not None:
        return _nested(topic.path, _least(topic, topic.member), None)
    if value is None and topic.sections:
        value = list(topic.sections)[-1]
    if value is None and topic.keys and not topic.keys[0].is_section:
        value = _other_than_default(topic.keys[0])
    owner = topic.owner or next((entry.owners[0] for entry in topic.entries() if entry.owners), None)
    return None if value is None else _nested(topic.path, value, owner)


def _least(topic: Topic, member: str) -> Value:
    """The least that a section of this name says: the bare name where nothing is required."""
    required = {key.path[-1]: key.advice.example for key in topic.inside() if key.entries()[0].default is None}
    return {"name": member, **required} if required else member


def _nested(path: Path, value: Value, owner: str | None) -> dict[str, Value]:
    """The value under the keys of its path; owner: the name of the section right around it."""
    *above, last = (OWN_NAMES[path[:depth]] if part == ANY else part for depth, part in enumerate(path))
    nested: dict[str, Value] = {last: value} if owner is None or last == "name" else {"name": owner, last: value}
    for part in reversed(above):
        nested = {part: nested}
    return nested


def _other_than_default(key: Key) -> Value:
    """A value that the key takes, another than its default where its type tells one."""
    default = key.field.default
    options = field_shape(key.field).options()
    for option in options:
        if option.annotation is bool:
            return not default
        if others := [word for word in option.words if word != default]:
            return str(others[0])
    if isinstance(default, str | int | float):
        return default
    return "text" if any(option.annotation is str for option in options) else None


def leads(path: Path, start: Path) -> bool:
    """Whether a key's path goes through `start`, whose names of the user's own match ANY."""
    return len(path) >= len(start) and all(a in (ANY, b) for a, b in zip(path, start, strict=False))


def depth(path: Path) -> int:
    """Keys of a path, names of the user's own not counted."""
    return sum(part != ANY for part in path)
