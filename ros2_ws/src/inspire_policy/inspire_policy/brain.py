"""A bundle made ready to think: loaded, matched with the body, its engine warm and its parity checked. No ROS."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from inspire_policy.bundle import Bundle, BundleError, find_bundle, load_bundle
from inspire_policy.engines.protocol import AUTO, EngineError, make_engine
from inspire_policy.execution import MAX_GAP_PERIODS, ChunkExecutor
from inspire_policy.instructions import checked_instruction, checked_objects, objects_named
from inspire_policy.parity import warm_up
from inspire_policy.programs.base import Program, graph_files, make_program
from inspire_policy.programs.grounding import Grounder

REALTIME_GAP_PERIODS = 3.5  # two lost camera images in a row; a simulator's reset and a paused robot are longer


@dataclass(frozen=True)
class Brain:
    """A bundle with its running program.

    Attributes:
        parity_samples: how many were compared at the start, 0 when the bundle has none. engine, threads: what runs the
            graphs. refused: what `auto` tried before, each with the reason.
    """

    bundle: Bundle
    program: Program
    parity_samples: int
    engine: str = "onnxruntime"
    threads: int = 1
    refused: tuple[str, ...] = ()

    @classmethod
    def load(
        cls,
        name_or_path: str,
        *,
        body: str = "",
        engine: str = "onnxruntime",
        threads: int = 1,
        language_every: int = 1,
    ) -> Brain:
        """Load and warm up; with the engine `auto`, what cannot be loaded or does not say what the bundle has recorded
        is refused and the next one tried. Raises BundleError, EngineError or ValueError.

        Args:
            name_or_path: of the bundle. body: world or robot that it must have been made for, empty for any.
            engine, threads: see `make_engine`. language_every: see `Program.set_pace`; parity is checked before, with
                every tick whole.
        """
        bundle = load_bundle(find_bundle(name_or_path))
        if body:
            bundle.check_body(body)
        refused: list[str] = []
        choices = AUTO if engine == "auto" else (engine,)
        for choice in choices:
            try:
                program = make_program(bundle, make_engine(choice, graph_files(bundle), threads=threads))
                samples = warm_up(bundle, program)
                break
            except (EngineError, BundleError) as error:
                if choice == choices[-1]:
                    raise
                refused.append(f"{choice}: {error}")
        program.set_pace(language_every)
        return cls(bundle, program, samples, choice, threads, tuple(refused))

    def grounder(self) -> Grounder:
        """What answers grounding questions, on an engine of its own. Raises ValueError for a bundle that cannot, and
        EngineError.
        """
        return Grounder(self.bundle, make_engine(self.engine, graph_files(self.bundle), threads=self.threads))

    def objects_of(self, instruction: str, *, ask: bool = True) -> tuple[str, tuple[str, ...]]:
        """The instruction as the model is told it, and the objects to ask about (none with `ask` off).

        Raises ValueError to refuse it.
        """
        manifest = self.bundle.manifest
        text = checked_instruction(instruction, manifest.max_characters)
        objects = checked_objects(
            objects_named(text, manifest.known_objects), manifest.known_objects, manifest.max_questions
        )
        asked = objects if ask and manifest.questions else ()
        self.program.check(text, asked)
        return text, asked

    def overrides(self, answers: Iterable[tuple[str, str]], asked: Sequence[str]) -> dict[str, str]:
        """Object -> word of an operator's answers. Raises ValueError on an object not asked about or no answer word."""
        vocabulary = self.bundle.answers
        forced = dict(answers)
        for name, word in forced.items():
            if name not in asked:
                raise ValueError(
                    "override: expected an object of the running instruction "
                    f"({', '.join(asked) or 'none is asked about'}), found {name!r}"
                )
            if word not in vocabulary.number:
                raise ValueError(f"override: expected one of {vocabulary.some()}, found {word!r}")
        return forced

    def executor(
        self,
        *,
        horizon: int,
        lockstep: bool,
        blend: int = 0,
        catch_up: bool = False,
        added_latency: float = 0.0,
    ) -> ChunkExecutor:
        """A chunk executor for this bundle; `horizon` 0 takes the manifest's. See ChunkExecutor for the others.

        Raises ValueError on one longer than the chunk.
        """
        manifest = self.bundle.manifest
        return ChunkExecutor(
            contract=manifest.contract,
            chunk_length=manifest.chunk_length,
            horizon=horizon or manifest.horizon,
            lockstep=lockstep,
            max_gap_periods=MAX_GAP_PERIODS if lockstep else REALTIME_GAP_PERIODS,
            blend=blend,
            catch_up=catch_up,
            added_latency=added_latency,
        )
