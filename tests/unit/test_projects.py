from __future__ import annotations

from pathlib import Path

import pytest
from tests.sample import Sample

from muniment.errors import ConfigError, PlanError, ScriptError
from muniment.migrate.projects import Projects, Target, find_sql_directory


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return Sample(tmp_path)


def order(sample: Sample, *targets: str) -> list[str]:
    return [change.qualified for change in sample.projects.steps(sample.targets(*targets))]


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("p", Target("p")),
        ("p:a", Target("p", "a")),
        ("p:a@v1", Target("p", "a@v1")),
        ("p:@HEAD^", Target("p", "@HEAD^")),
        ("p:", Target("p")),
    ],
)
def test_a_target_is_a_project_and_perhaps_a_change(text: str, target: Target) -> None:
    assert Target.parse(text) == target


def test_a_project_goes_to_its_end_or_to_the_change_that_is_named(sample: Sample) -> None:
    for change in ("p:a", "p:b", "p:c"):
        sample.add(change)

    assert order(sample, "p") == ["p:a", "p:b", "p:c"]
    assert order(sample, "p:b") == ["p:a", "p:b"]
    assert order(sample, "p:@HEAD^2") == ["p:a"]


def test_a_required_project_is_taken_along_only_as_far_as_it_is_required(sample: Sample) -> None:
    sample.add("base:a")
    sample.add("base:b", requires=["a"])
    sample.add("base:vector")
    sample.add("app:a", requires=["base:a"])
    sample.add("app:b", requires=["base:b"])

    assert order(sample, "app") == ["base:a", "base:b", "app:a", "app:b"]
    assert order(sample, "app:a") == ["base:a", "app:a"]
    assert order(sample, "app", "base") == ["base:a", "base:b", "app:a", "app:b", "base:vector"]


def test_what_is_required_of_others_is_taken_along_transitively(sample: Sample) -> None:
    sample.add("low:a")
    sample.add("low:b")
    sample.add("middle:a")
    sample.add("middle:b", requires=["low:a"])
    sample.add("middle:c", requires=["low:b"])
    sample.add("top:a", requires=["middle:b"])

    assert order(sample, "top") == ["low:a", "middle:a", "middle:b", "top:a"]


def test_an_earlier_change_drags_in_what_it_requires_too(sample: Sample) -> None:
    sample.add("low:a")
    sample.add("middle:a", requires=["low:a"])
    sample.add("middle:b")
    sample.add("top:a", requires=["middle:b"])

    assert order(sample, "top") == ["low:a", "middle:a", "middle:b", "top:a"]


def test_projects_may_require_each_other_in_an_order_that_works(sample: Sample) -> None:
    sample.add("p:a")
    sample.add("q:a", requires=["p:a"])
    sample.add("p:b", requires=["q:a"])
    sample.add("q:b", requires=["p:b"])

    assert order(sample, "p") == ["p:a", "q:a", "p:b"]
    assert order(sample, "q") == ["p:a", "q:a", "p:b", "q:b"]


def test_a_circle_over_projects_is_an_error_that_shows_it(sample: Sample) -> None:
    sample.add("p:a", requires=["q:a"])
    sample.add("q:a", requires=["p:a"])

    with pytest.raises(PlanError, match=r"circular requirement: q:a -> p:a -> q:a") as caught:
        order(sample, "p")

    assert caught.value.line == 4


def test_a_circle_through_an_earlier_change_is_found(sample: Sample) -> None:
    sample.add("p:a", requires=["q:b"])
    sample.add("p:b")
    sample.add("q:a", requires=["p:b"])
    sample.add("q:b")

    with pytest.raises(PlanError, match=r"circular requirement: p:a -> q:a -> p:b"):
        order(sample, "q")


def test_without_targets_every_project_is_meant_but_the_optional_one(sample: Sample) -> None:
    sample.add("p:a")
    sample.add("citus:a", requires=["p:a"])
    sample.add("q:a")

    assert order(sample) == ["p:a", "q:a"]
    assert order(sample, "citus") == ["p:a", "citus:a"]


def test_a_tag_of_another_project_can_be_required(sample: Sample) -> None:
    sample.add("p:a")
    sample.tag("p", "v1")
    sample.rework("p:a", "v1", deploy="SELECT 1;", revert="SELECT 1;", verify="SELECT 1;")
    sample.add("p:b")
    sample.add("q:a", requires=["p:a@v1"])
    sample.add("r:a", requires=["p:@v1"])
    sample.add("s:a", requires=["p:a@HEAD"])
    sample.add("t:a", requires=["p:a"])

    assert order(sample, "q") == ["p:a", "q:a"]
    assert order(sample, "r") == ["p:a", "r:a"]
    assert order(sample, "s") == ["p:a", "p:a", "s:a"]
    # A bare name is the first instance, as in sqitch.
    assert order(sample, "t") == ["p:a", "t:a"]


def test_a_project_without_a_plan_here_is_left_to_the_database(sample: Sample) -> None:
    sample.add("p:a", requires=["elsewhere:a"])

    assert order(sample, "p") == ["p:a"]


def test_a_required_change_that_is_not_planned_is_told_with_the_line(sample: Sample) -> None:
    sample.add("q:first")
    sample.add("p:a", requires=["q:frist"])

    with pytest.raises(PlanError, match=r"p:a requires q:frist, which is not planned") as caught:
        order(sample, "p")

    assert caught.value.line == 4
    assert caught.value.hint == 'Did you mean "first"?'


def test_an_unknown_project_or_change_is_told_with_what_is_close(sample: Sample) -> None:
    sample.add("agents:tool_call")
    sample.add("platform:roles")

    with pytest.raises(PlanError, match="no such project: agnts") as caught:
        order(sample, "agnts")
    assert caught.value.hint == "Did you mean agents?"
    with pytest.raises(PlanError, match="no such project: x") as caught:
        order(sample, "x")
    assert caught.value.hint == "Did you mean agents, platform?"
    with pytest.raises(PlanError, match='no change "tool_cal"') as caught:
        order(sample, "agents:tool_cal")
    assert caught.value.hint == 'Did you mean "tool_call"?'


def test_a_plan_must_be_of_the_project_that_its_name_says(sample: Sample) -> None:
    sample.add("p:a")
    sample.plan_path("p").rename(sample.plan_path("q"))

    with pytest.raises(PlanError, match="is of project p, its name says q"):
        order(sample, "q")


def test_an_older_instance_of_a_reworked_change_has_the_scripts_of_its_tag(sample: Sample) -> None:
    sample.add("p:a")
    sample.tag("p", "v1")
    sample.tag("p", "v1b")
    sample.rework("p:a", "v1b", deploy="SELECT 2;", revert="SELECT 1;", verify="SELECT 2;")
    projects = sample.projects
    older, newer = projects.plan("p").changes

    assert projects.script_path(older, "deploy").name == "a@v1b.sql"
    assert projects.script_path(older, "revert").name == "a@v1b.sql"
    assert projects.script_path(newer, "verify").name == "a.sql"
    assert "CREATE TABLE" in projects.script(older, "deploy").body


def test_names_with_slashes_are_folders(sample: Sample) -> None:
    sample.add("p:views/daily")

    change = sample.projects.plan("p").changes[0]

    assert sample.projects.script_path(change, "verify") == (
        sample.sql / "verify" / "p" / "views" / "daily.sql"
    )


def test_a_missing_script_and_a_wrong_header_are_told(sample: Sample) -> None:
    sample.add("p:a")
    sample.add("p:b")
    sample.path("revert", "p:a").unlink()
    sample.write("verify", "p:c", "SELECT 1;")
    sample.path("verify", "p:c").rename(sample.path("verify", "p:b"))
    projects = sample.projects

    with pytest.raises(PlanError, match=r"revert/p/a.sql: missing script"):
        projects.scripts(projects.plan("p").find("a"))
    with pytest.raises(ScriptError, match="does not name the change"):
        projects.scripts(projects.plan("p").find("b"))


def test_paths_are_relative_to_where_the_user_is(
    sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample.add("p:a", requires=["q:x"])
    sample.add("q:a")
    assert find_sql_directory(sample.sql) == sample.sql
    monkeypatch.chdir(sample.directory)
    projects = Projects(find_sql_directory(sample.sql))

    assert projects.script_path(projects.plan("p").changes[0], "deploy") == Path(
        "sql/deploy/p/a.sql"
    )
    with pytest.raises(PlanError, match=r"^sql/plans/p\.plan:4: "):
        projects.steps([Target("p")])


def test_the_sql_directory_is_the_explicit_one_else_that_of_the_checkout(tmp_path: Path) -> None:
    assert find_sql_directory(tmp_path) == tmp_path
    assert find_sql_directory().absolute() == Path(__file__).parents[2] / "sql"


def test_a_directory_without_plans_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no plans directory") as caught:
        Projects(tmp_path)

    assert caught.value.hint is not None
    assert "--sql-dir" in caught.value.hint
