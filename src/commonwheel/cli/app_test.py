"""``commonwheel app test``: apps held against what is expected of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commonwheel.cli import FINE, PROBLEMS, show

if TYPE_CHECKING:
    import argparse

    from commonwheel.apps.expectations import Expectations
    from commonwheel.apps.testing import Result

__all__ = ["run"]


def run(args: argparse.Namespace) -> int:
    """Test; returns the exit status."""
    from commonwheel.apps.testing import Verdict, expectations_of, refuse_empty, run_tests
    from commonwheel.proving.tried import tried

    files = [expectations_of(name) for name in args.app]
    found: list[tuple[Expectations, Result]] = []
    for tests in files:
        results: list[Result] = []
        for result in run_tests(tests, only=tuple(args.case or ()), longest_s=args.seconds, ground=tried):
            results.append(result)
            if not args.json:
                _print(tests, result)
        refuse_empty(results, str(tests.path))
        found += [(tests, result) for result in results]
    if args.json:
        show.print_json([_facts(tests, result) for tests, result in found])
    else:
        _sum_up([result for _, result in found])
    return PROBLEMS if any(result.verdict is Verdict.FAILED for _, result in found) else FINE


def _print(tests: Expectations, result: Result) -> None:
    car = f" [{result.car}]" if result.car else ""
    speed = f"  {result.drive_s:.0f} s in {result.wall_s:.1f} s" if result.drive_s else ""
    why = f"  ({result.why})" if result.why else ""
    print(f"{result.verdict.value:<8}{result.name}{car}{speed}{why}", flush=True)
    for problem in result.problems:
        print(f"  {tests.path}:{problem.line}: {problem.what}")
        print(f"    expected  {problem.expected}")
        print(f"    got       {problem.got}", flush=True)


def _sum_up(results: list[Result]) -> None:
    from commonwheel.apps.testing import Verdict

    counts = {verdict: sum(result.verdict is verdict for result in results) for verdict in Verdict}
    said = [f"{count} {verdict.value}" for verdict, count in counts.items() if count]
    drive, wall = sum(result.drive_s for result in results), sum(result.wall_s for result in results)
    print(f"{', '.join(said)}; {drive:.0f} s driven in {wall:.1f} s")


def _facts(tests: Expectations, result: Result) -> dict[str, Any]:
    return {
        "file": str(tests.path),
        "case": result.name,
        "car": result.car,
        "verdict": result.verdict.value,
        "why": result.why,
        "problems": [
            {"line": one.line, "what": one.what, "expected": one.expected, "got": one.got} for one in result.problems
        ],
        "drive_s": result.drive_s,
        "wall_s": result.wall_s,
    }
