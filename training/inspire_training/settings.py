"""What each subcommand of `inspire` takes. No torch here, so that the command line starts fast and works without it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from inspire_training.expert.config import ExpertConfig
from inspire_training.expert.settings import CotrainingSettings, RateScales


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """How the parts of the loss add up, and which steps of a chunk matter."""

    motion: float = 4.0
    gripper: float = 0.5
    answers: float = 0.3
    """0: answers are shown and never trained (a control)."""
    codes: float = 1.0
    ends: float = 1.0
    """Of what ends answers and actions, in the sequence styles that predict it (chat turns)."""
    tokens: Literal["parts", "plain"] = "parts"
    """How answers, codes and ends are averaged: each part by itself, or plainly over all of their tokens, as published
    (their weights are then factors on top)."""
    expert: float = 1.0
    """What an action expert says of noisy chunks."""
    grounding: float = 0.1
    """Of the grounding questions beside the actions."""
    offsets: float = 2.0
    """Metres from tool to object, read off the language model; 0 leaves the answers the only spatial supervision."""
    keypoints: float = 1.0
    """The same, straight from the keypoints."""
    executed_steps: int = 4
    """These steps are executed before the next chunk is asked for."""
    later_steps: float = 0.5
    """Weight of the other steps."""


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """Train a policy on demonstrations; the same command runs on a CPU, on one GPU and, under `accelerate launch`,
    on many. Grounding alone, the first of two stages: `inspire train --stage grounding --help`.

    Ends after `steps` steps or `minutes` minutes, whichever comes first; the learning rate follows the nearer end.
    """

    data: tuple[Path, ...]
    """HDF5 files, or folders of them, of demonstrations and DAgger rounds."""
    out: Path
    """Folder of the run: checkpoints, TensorBoard curves."""
    weights: tuple[float, ...] = ()
    """How often a frame of each entry of `data` is drawn, relative to the others; 1 each when empty."""
    preset: str = "tabletop"
    expert: Literal["none", "dit"] = "none"
    """What makes the chunk: the codec's head, or a diffusion transformer that reads the language model's states."""
    dit: ExpertConfig = field(default_factory=ExpertConfig)
    """Of --expert dit."""
    grounding: CotrainingSettings = field(default_factory=CotrainingSettings)
    questions: Literal["inspire", "none"] = "inspire"
    """Ask the directions before the action, or not (the baseline)."""
    answers: Literal["direction", "name"] = "direction"
    """What a right answer is: the object's direction, or (a control about nothing spatial) a word for its name."""
    question_mode: Literal["direction", "direction_3d", "fine_direction", "distance", "fine_distance"] = "direction"
    """What is asked about each object: its direction in one word or in three, decimetres along each axis, how far it is
    in a word or in decimetres."""
    loss: LossWeights = field(default_factory=LossWeights)
    codec: Literal["continuous", "bins", "edge_bins", "residual_vq", "fast"] = "continuous"
    """edge_bins: that of published checkpoints without a VQ, with --init. fast: fitted to `data` when the run starts,
    unless `codec_file` or `init` has one."""
    codec_file: Path | None = None
    """The codec.npz of `inspire codec`, for residual_vq and fast."""
    style: Literal["", "pi0_fast"] = ""
    """pi0_fast: take a checkpoint in chat turns (`init`) over to the sentences of pi0-FAST; else the style it has."""
    fast_codes: int = 1024
    """Size of the vocabulary of a FAST tokenizer fitted here."""
    fast_scale: float = 10.0
    """Its coefficients are rounded to 1/scale."""
    init: Path | None = None
    """Checkpoint or run to start the weights (and the tokenizer) from."""
    freeze_vision: bool = False
    """Leave the vision towers as `init` has them; half the time per step."""
    resume: bool = False
    """Continue the run in `out` exactly where its last checkpoint stands."""
    steps: int = 1_000_000
    minutes: float = 0.0
    """Time limit of the run over all its resumptions; 0 for none."""
    batch: int = 64
    """Frames that a process takes at once."""
    global_batch: int = 0
    """Frames of a step over all processes; what they cannot take at once is accumulated, so that the same command gives
    the same curve on one GPU and on eight. 0: what they take at once."""
    rate: float = 1e-3
    """Peak learning rate of AdamW."""
    rates: RateScales = field(default_factory=RateScales)
    schedule: Literal["cosine", "constant"] = "cosine"
    warmup: int = 200
    """Steps of rising learning rate."""
    beta2: float = 0.99
    """Decay of AdamW's second moments."""
    decay: float = 0.05
    """Weight decay of matrices."""
    average: float = 0.999
    """Decay of the running average of the weights, which is what is validated and exported."""
    random_answers: float = 0.15
    """Share of the answers fed in training that are random."""
    counterfactual: float = 0.0
    """Share of frames given a wrong direction with a chunk that goes there, so that the action follows the answer."""
    balance: float = 0.0
    """Exponent by which rare answers weigh more in the loss; 0 none, 1 all alike."""
    colour: float = 0.1
    """Strength of colour changes."""
    shift: int = 0
    """Largest shift of the images, px."""
    patches: float = 0.0
    """Share of the images with a patch of one colour on them, against things never seen."""
    seed: int = 0
    threads: int = 1
    """CPU threads per process; two collapse under load."""
    precision: Literal["no", "bf16", "fp16"] = "no"
    """Mixed precision; bf16 is 1.5 times faster on CPUs with bf16 units (AMX), float32 on others."""
    shard: bool = False
    """Split weights, gradients and optimiser state over the processes (FSDP2); whole in each of them otherwise."""
    recompute: bool = False
    """Activation checkpointing of the transformer blocks: less memory, a third more arithmetic."""
    readers: int = 0
    """Threads per process that make batches ahead; 0 where the CPU is what trains."""
    peak_tflops: float = 0.0
    """What the device can do, for the utilisation that is logged; 0: the vendor's number, or measured."""
    checkpoint_seconds: float = 120.0
    checkpoint_steps: int = 0
    """Checkpoints also every so many steps; 0: by time alone."""
    validation_frames: int = 512
    log_seconds: float = 10.0


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """Write the bundle of a checkpoint: graphs, manifest, tokenizer, codec, checksums; refused when the graphs do not
    agree with torch.
    """

    checkpoint: Path
    """A checkpoint or a run."""
    out: Path
    """The bundle's folder; replaced as a whole."""
    frames: Path | None = None
    """HDF5 file, or folder of them, whose frames the parity check uses."""
    parity_frames: int = 200
    vision: Literal["fp32", "fp16"] = "fp32"
    """Precision of the vision graph, for engines on a GPU; the file decides, no engine changes it."""
    language: Literal["fp32", "fp16"] = "fp32"
    """Precision of the decoder graph, likewise."""
    weights: Path | None = None
    """Folder for the weights in half precision as well, small enough for git, to train on from with `--init`."""
    name: str = "tabletop"
    bodies: tuple[str, ...] = ("tabletop",)
    """Worlds and robots that the bundle was trained for."""


@dataclass(frozen=True, kw_only=True)
class InProcessSettings:
    """Episodes of a bundle in worker processes, without ROS."""

    bundle: str = "tabletop"
    """Name or folder of the bundle."""
    world: str = "tabletop"
    split: str = "unseen_positions"
    seed: int = 0
    """First seed, counted from 1,000,000."""
    workers: int = 2


@dataclass(frozen=True, kw_only=True)
class ProbeSettings(InProcessSettings):
    """Does the action follow answer and name? Episodes with own, true, wrong and no answers, and with another name."""

    episodes: int = 30
    """Of each kind."""
    conditions: tuple[str, ...] = ()
    """Some of own, true, wrong, dropped, renamed; empty: all that the bundle allows."""
    out: Path = Path("runs/probe.json")


@dataclass(frozen=True, kw_only=True)
class AnswersSettings(InProcessSettings):
    """Are the answers right wherever the hand is? The expert acts, led astray; the policy is asked on the way."""

    episodes: int = 100
    wander: tuple[int, int] = (20, 30)
    """Steps that the hand goes astray at the start, and once something is held; at most."""
    every: int = 4
    """Steps between two times that the policy is asked."""
    out: Path = Path("runs/answers.json")


@dataclass(frozen=True, kw_only=True)
class BenchSettings:
    """Time a tick beside its peers, in turns in one run on one CPU thread."""

    bundle: str = "tabletop"
    """Name or folder of the bundle; its recorded observations are what is seen."""
    checkpoint: Path = Path("training/weights/tabletop")
    """The bundle's weights, for the peers in PyTorch."""
    engine: str = "onnxruntime"
    rounds: int = 8
    """Turns through the recorded observations."""
    compile: bool = True
    """Also with torch.compile, which takes a C++ compiler and a minute."""
    ros_ticks: int = 0
    """Observations through ROS, as policy and gate see them; 0: none."""
    out: Path | None = None
    """JSON file to write as well."""
    csv: Path | None = None
    """The table as a CSV file, with the machine in its first lines."""


@dataclass(frozen=True, kw_only=True)
class GpuBenchSettings:
    """All that a GPU has to show, in one run: a tick of every engine beside its peers and the floor, agreement,
    training. What cannot run for want of a library or a device is listed with its reason. Weights are random.
    """

    preset: Literal["minivla-1b", "minivla-test"] = "minivla-1b"
    out: Path = Path("runs/bench_gpu")
    """Folder of latency.csv and training.csv."""
    work: Path = Path("build/bench_gpu")
    """Folder of the random weights and their bundles; made at the first run, 13 GB with minivla-1b."""
    observations: int = 16
    """Random ones, with two questions each."""
    rounds: int = 8
    """Turns through them."""
    precisions: tuple[Literal["fp32", "fp16"], ...] = ("fp32", "fp16")
    """Of the exported graphs."""
    compile: bool = True
    """Also with torch.compile."""
    batch: int = 32
    """Frames of a training step."""
    steps: int = 20
    """Training steps that are timed, after five that are not; 0: no training."""
    readers: int = 4
    """Threads that make batches ahead."""


@dataclass(frozen=True, kw_only=True)
class ExactnessSettings:
    """Does the robot's way of decoding say exactly what plain greedy decoding in PyTorch says?"""

    data: tuple[Path, ...]
    """HDF5 files, or folders of them, whose observations are played."""
    bundle: str = "tabletop"
    """Name or folder of the bundle."""
    checkpoint: Path = Path("training/weights/tabletop")
    """Its weights. Those kept in half precision are not quite the bundle's own: take the run that was exported."""
    engine: str = "onnxruntime"
    ticks: int = 10_000
    every: int = 4
    """One frame in so many is a tick: the steps executed of a chunk."""
    workers: int = 2
    out: Path = Path("runs/exactness")
    """Folder; finished files are not played again."""


@dataclass(frozen=True, kw_only=True)
class CodecSettings:
    """Fit an action codec, residual VQ or FAST, to the chunks of demonstrations and write codec.npz."""

    data: tuple[Path, ...]
    out: Path
    """The codec.npz to write."""
    kind: Literal["residual_vq", "fast"] = "residual_vq"
    quantizers: int = 7
    codes: int = 128
    """Vectors of each codebook; with FAST the size of its vocabulary, 1024 for instance."""
    scale: float = 10.0
    """FAST: coefficients are rounded to 1/scale."""
    width: int = 64
    hidden: int = 128
    chunk_length: int = 8
    steps: int = 4000
    batch: int = 512
    rate: float = 1e-3
    seed: int = 0
    threads: int = 1


@dataclass(frozen=True, kw_only=True)
class CollectSettings:
    """Which episodes are recorded."""

    out: Path
    episodes: int
    seed: int
    world: str = "tabletop"
    tasks: tuple[str, ...] = ()
    """Names or indices; shards take turns. Every task of the world when empty."""
    split: str = ""
    """Empty: random where the world has it (LIBERO keeps its recorded initial states for evaluation), else train."""
    wander: tuple[int, int] = (0, 0)
    """Up to so many steps an episode first goes somewhere else, and up to so many once it holds something."""
    workers: int = 2


@dataclass(frozen=True, kw_only=True)
class DemosSettings(CollectSettings):
    """Record demonstrations of the scripted expert, with noise and recovery."""

    episodes: int = 300
    seed: int = 0
    glance: int = 0
    """Cut episodes short after so many steps, begun with a wander: many scenes, few frames each. 0: to the end."""


@dataclass(frozen=True, kw_only=True)
class DaggerSettings(CollectSettings):
    """Record episodes that the policy drives and the expert labels."""

    checkpoint: Path
    """A checkpoint or a run."""
    episodes: int = 150
    seed: int = 100_000
