"""The generated set: what it shows, how its questions are balanced, and what it writes."""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2_contingency, chisquare
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from privkit.data.videos import generated
from privkit.data.videos.decode import probe, read_frames
from privkit.data.videos.drawing import draw_scene
from privkit.data.videos.encode import write_gif, write_long_video, write_mp4
from privkit.data.videos.generated import NOTICE, generate_videos
from privkit.data.videos.poses import FRAMES, pose_steps
from privkit.data.videos.scene import (
    ACTIONS,
    BACKGROUNDS,
    BADGES,
    COLORS,
    HATS,
    NUMBERS,
    PLACES,
    PROPS,
    SIDES,
    TIMES,
    partner,
    scene_of,
    split_of,
)
from privkit.data.videos.scene_questions import questions_of
from privkit.data.videos.surroundings import draw_surroundings
from privkit.errors import InputError

VIDEOS = 3000
#: With a fixed seed a test either passes or not; this catches real unevenness.
P_VALUE = 1e-3


@pytest.fixture(scope="module")
def scenes():
    return [scene_of(0, n) for n in range(VIDEOS)]


@pytest.fixture(scope="module")
def questions():
    return [question for n in range(VIDEOS) for question in questions_of(0, n)]


DRAWN = {
    "action": ACTIONS,
    "then": ACTIONS,
    "times": TIMES,
    "color": COLORS,
    "prop": PROPS,
    "number": NUMBERS,
    "place": PLACES,
    "side": SIDES,
    "hat": HATS,
    "badge": BADGES,
    "background": BACKGROUNDS,
    "identity": tuple(range(16)),
}


@pytest.mark.parametrize("name", DRAWN)
def test_every_parameter_is_uniform(scenes, name):
    counts = Counter(getattr(scene, name) for scene in scenes)
    assert set(counts) == set(DRAWN[name])
    assert chisquare(list(counts.values())).pvalue > P_VALUE


@pytest.mark.parametrize("hidden", ["identity", "background", "side"])
@pytest.mark.parametrize("asked", ["action", "then", "times", "color", "prop", "number", "place"])
def test_what_is_never_asked_is_independent_of_what_is(scenes, hidden, asked):
    table = np.zeros((len(DRAWN[hidden]), len(DRAWN[asked])))
    for scene in scenes:
        row = DRAWN[hidden].index(getattr(scene, hidden))
        table[row, DRAWN[asked].index(getattr(scene, asked))] += 1
    assert chi2_contingency(table).pvalue > P_VALUE


def test_the_partner_follows_in_three_of_ten(scenes):
    assert all(partner(partner(action)) == action != partner(action) for action in ACTIONS)
    assert all(scene.then != scene.action for scene in scenes)
    share = np.mean([scene.then == partner(scene.action) for scene in scenes])
    assert share == pytest.approx(0.3, abs=0.03)
    others = Counter(
        (ACTIONS.index(s.then) - ACTIONS.index(s.action)) % len(ACTIONS)
        for s in scenes
        if s.then != partner(s.action)
    )
    assert len(others) == len(ACTIONS) - 1


def test_a_scene_depends_on_seed_and_number_only():
    assert scene_of(3, 7) == scene_of(3, 7)
    assert len({scene_of(seed, n) for seed in range(5) for n in range(20)}) == 100
    for bad in ((-1, 0), (0, -1)):
        with pytest.raises(InputError, match="at least 0"):
            scene_of(*bad)


def test_eight_questions_a_video(questions):
    counts = Counter(q.task for q in questions)
    assert counts == {
        "action": VIDEOS,
        "transition": 2 * VIDEOS,
        "frameqa": 4 * VIDEOS,
        "yesno": VIDEOS,
    }
    assert len({q.question_id for q in questions}) == len(questions)
    splits = Counter(q.split for q in questions if q.task == "action")
    assert splits == {"train": 2100, "validation": 300, "test": 600}
    assert all(q.split == split_of(int(q.video.removeprefix("gen"))) for q in questions)
    assert all(q.question == q.question.lower() and q.question.endswith(" ?") for q in questions)


def test_answers_are_true(scenes, questions):
    for n, q in enumerate(questions):
        scene = scenes[n // 8]
        named = [action for action in ACTIONS if f" {action} ?" in q.question]
        if q.task == "transition":
            first, then = (named[0], q.answer) if "after" in q.question else (q.answer, named[0])
            assert (first, then) == (scene.action, scene.then)
            assert named[0] not in q.options
        elif q.task == "action":
            assert q.answer == scene.action
            assert f" {scene.times} times" in q.question
        elif q.task == "frameqa":
            truth = {"object": scene.prop, "number": scene.number}
            truth |= {"color": scene.color, "location": scene.place}
            assert q.answer == truth[q.answer_type]
        else:
            facts = [scene.action, scene.then, scene.prop, scene.color]
            assert q.answer == ("yes" if any(f" {f} ?" in q.question for f in facts) else "no")
        if q.options:
            assert len(set(q.options)) == 5
            assert q.options[q.correct] == q.answer


def test_options_are_uniform(questions):
    for task in ("action", "transition"):
        asked = [q for q in questions if q.task == task]
        assert chisquare(list(Counter(q.correct for q in asked).values())).pvalue > P_VALUE
        wrong = Counter(o for q in asked for o in q.options if o != q.answer)
        assert set(wrong) == set(ACTIONS)
        assert chisquare(list(wrong.values())).pvalue > P_VALUE


def test_frameqa_asks_every_kind_once(questions):
    counts = Counter((q.video, q.answer_type) for q in questions if q.task == "frameqa")
    assert {kind for _, kind in counts} == {"object", "number", "color", "location"}
    assert set(counts.values()) == {1}
    assert len(counts) == 4 * VIDEOS


def accuracy(questions, score):
    """Of choosing the option of the highest score on the test split; ties share the point."""
    points = []
    for q in questions:
        if q.split == "test":
            scores = np.array([score(q, option) for option in q.options])
            points.append((scores[q.correct] == scores.max()) / (scores == scores.max()).sum())
    return float(np.mean(points))


@pytest.mark.parametrize("task", ["action", "transition"])
def test_the_options_alone_tell_nothing(questions, task):
    asked = [q for q in questions if q.task == task]
    train = [q for q in asked if q.split == "train"]
    right = Counter(q.answer for q in train)
    shown = Counter(option for q in train for option in q.options)
    places = Counter(q.correct for q in train)
    for score in (
        lambda _, option: right[option],
        lambda _, option: right[option] / shown[option],
        lambda q, option: places[q.options.index(option)],
    ):
        assert accuracy(asked, score) == pytest.approx(0.2, abs=0.05)


def test_a_question_without_its_video_tells_a_little(questions):
    """The best rule by counts of answer and question; in expectation 0.3 + 0.7 / 3 * 0.2 = 35%."""
    asked = [q for q in questions if q.task == "transition"]
    seen = Counter((q.question, q.answer) for q in asked if q.split == "train")
    found = accuracy(asked, lambda q, option: seen[q.question, option])
    assert 0.3 < found <= 0.45


def test_every_wording_of_yes_or_no_is_balanced(questions):
    answers = defaultdict(list)
    for q in questions:
        if q.task == "yesno":
            answers[q.question].append(q.answer == "yes")
    assert len(answers) == len(ACTIONS) + len(PROPS) + len(COLORS)
    table = np.array([[sum(a), len(a) - sum(a)] for a in answers.values()])
    # Against an even chance for each wording, summed over the wordings.
    statistic = ((table[:, 0] - table[:, 1]) ** 2 / table.sum(1)).sum()
    assert 8 < statistic < 58
    train = Counter((q.question, q.answer) for q in questions if q.split == "train")
    test = [q for q in questions if q.task == "yesno" and q.split == "test"]
    guesses = ["yes" if train[q.question, "yes"] > train[q.question, "no"] else "no" for q in test]
    right = np.mean([g == q.answer for g, q in zip(guesses, test, strict=True)])
    assert right == pytest.approx(0.5, abs=0.07)


def test_the_first_action_is_done_so_many_times_and_the_second_once(scenes):
    for scene in scenes[:300]:
        steps = pose_steps(scene)
        assert len(steps) == FRAMES
        first = [step for action, step in steps if action == scene.action]
        then = [step for action, step in steps if action == scene.then]
        assert first + then == [step for _, step in steps]
        # A repetition is a run of frames near the peak, between frames nearer to rest.
        assert 1 + sum(a > b < c for a, b, c in runs(first)) == scene.times
        assert max(then) == 4
        # Eight frames spread over the video catch the peaks.
        sampled = steps[1::2]
        assert sum(action == scene.action and step == 4 for action, step in sampled) >= 2
        assert sum(action == scene.then and step == 4 for action, step in sampled) >= 1


def runs(steps):
    """Neighbouring triples after equal steps are merged."""
    merged = [s for n, s in enumerate(steps) if n == 0 or s != steps[n - 1]]
    return zip(merged, merged[1:], merged[2:], strict=False)


def test_a_drawing_is_the_same_every_time(scenes):
    frames = draw_scene(scenes[0])
    assert frames.shape == (16, 64, 64, 3)
    assert frames.dtype == np.uint8
    np.testing.assert_array_equal(frames, draw_scene(scenes[0]))
    assert not np.array_equal(frames, draw_scene(scenes[1]))


@pytest.mark.parametrize("name", ["action", "color", "prop", "number", "place", "side"])
def test_every_value_is_seen(scenes, name):
    """Two videos that differ in one value differ by more than the noise."""
    for other in [value for value in DRAWN[name] if value != scenes[0].then][:12]:
        if other != getattr(scenes[0], name):
            changed = draw_scene(replace(scenes[0], **{name: other})).astype(int)
            assert np.abs(changed - draw_scene(scenes[0])).max() > 40, other


@pytest.mark.parametrize("name", ["hat", "badge", "background"])
def test_what_is_never_asked_is_seen(scenes, name):
    pictures = [draw_scene(replace(scenes[0], **{name: value}))[5] for value in DRAWN[name]]
    for n, picture in enumerate(pictures):
        for other in pictures[:n]:
            assert np.abs(picture.astype(int) - other).max() > 25


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("x", range(-2, 3))
def test_all_things_lie_within_the_picture(scenes, side, x):
    tone = (1, 2, 3)
    counts = {}
    for place in PLACES:
        for y in (-1, 0, 1):
            for number in NUMBERS:
                scene = replace(scenes[0], side=side, x=x, y=y, place=place, number=number)
                picture = draw_surroundings(replace(scene, prop="box", tone=tone))
                counts.setdefault(number, set()).add(int((picture == tone).all(-1).sum()))
    assert counts == {"one": {32}, "two": {64}, "three": {96}}


def features(seed, videos):
    """Mean and deviation over 8 frames of 16 × 16 pixels, and the first action."""
    rows, labels = [], []
    for n in range(videos):
        scene = scene_of(seed, n)
        frames = draw_scene(scene)[1::2].reshape(8, 16, 4, 16, 4, 3).mean((2, 4))
        rows.append(np.concatenate([frames.mean(0).ravel(), frames.std(0).ravel()]))
        labels.append(scene.action)
    return np.array(rows, np.float32), np.array(labels)


@pytest.mark.slow
def test_a_linear_model_tells_the_actions_apart():
    """On plain pixels, other scenes than it learned from; chance is 12.5%."""
    rows, labels = features(11, 1000)
    model = make_pipeline(StandardScaler(), RidgeClassifier(alpha=300))
    assert model.fit(rows[:800], labels[:800]).score(rows[800:], labels[800:]) >= 0.7


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("generated") / "set"
    ticks = []
    generate_videos(folder, videos=60, seed=4, tick=lambda *t: ticks.append(t), processes=1)
    assert ticks[-1] == ("generate videos", 60, 60)
    return folder


def test_the_folder_is_complete(small):
    assert sorted(p.name for p in small.iterdir()) == [
        "README.md",
        "attributes.csv",
        "notice.txt",
        "questions.jsonl",
        "videos",
    ]
    assert NOTICE in (small / "README.md").read_text()
    assert (small / "notice.txt").read_text().strip() == NOTICE
    lines = [json.loads(line) for line in (small / "questions.jsonl").read_text().splitlines()]
    assert lines == [q.to_dict() for n in range(60) for q in questions_of(4, n)]
    with (small / "attributes.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["video", "identity", "hat", "badge", "background", "side", "split"]
    for n, row in enumerate(rows):
        scene = scene_of(4, n)
        assert row["video"] == f"gen{n:06d}"
        assert (row["identity"], row["side"]) == (str(scene.identity), scene.side)
        assert row["split"] == split_of(n)


def test_all_files_decode_to_what_was_drawn(small):
    files = sorted((small / "videos").iterdir())
    assert len(files) == 60
    assert Counter(path.suffix for path in files) == {".mp4": 30, ".gif": 30}
    for n, path in enumerate(files):
        facts = probe(path)
        assert (facts.width, facts.height, facts.frames) == (64, 64, 16)
        assert facts.seconds == pytest.approx(1.6)
        shown = read_frames(path, np.arange(16) / 10)
        error = np.abs(shown.astype(int) - draw_scene(scene_of(4, n)))
        assert error.mean() < 6
        assert error.mean((1, 2, 3)).max() < 9


def test_each_split_has_both_kinds_of_file(small):
    kinds = defaultdict(set)
    for path in (small / "videos").iterdir():
        kinds[split_of(int(path.stem.removeprefix("gen")))].add(path.suffix)
    assert all(found == {".mp4", ".gif"} for found in kinds.values())


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_bytes_do_not_depend_on_the_processes(small, tmp_path):
    generate_videos(tmp_path / "again", videos=60, seed=4, processes=2)
    assert contents(tmp_path / "again") == contents(small)


def test_the_bytes_do_not_depend_on_what_lies_in_memory(tmp_path):
    rng = np.random.default_rng(0)
    frames = [draw_scene(scene_of(4, n)) for n in range(8)]
    first, kept = {}, []
    for again in range(200):
        kept.append(np.ones(rng.integers(1, 200_000), np.uint8))
        if len(kept) > 40:
            kept.pop(rng.integers(40))
        path, n = tmp_path / "a.mp4", again % 8
        write_mp4(path, frames[n])
        assert first.setdefault(n, path.read_bytes()) == path.read_bytes()


def test_a_larger_set_contains_the_smaller(small, tmp_path):
    generate_videos(tmp_path / "part", videos=8, seed=4, processes=1)
    whole = contents(small / "videos")
    assert all(whole[name] == data for name, data in contents(tmp_path / "part/videos").items())


@pytest.mark.parametrize(
    "given", [{"videos": 0}, {"videos": 10**7}, {"seed": -1}, {"processes": 0}]
)
def test_numbers_out_of_range_are_refused(tmp_path, given):
    with pytest.raises(InputError, match=f"{next(iter(given))} is out of range"):
        generate_videos(tmp_path / "set", **given)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_exists_is_left_alone(tmp_path):
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(InputError, match="exists already"):
        generate_videos(tmp_path / "mine", videos=1)
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(path, frames):
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(generated._WRITERS, "gif", full)
    with pytest.raises(InputError, match="No space left"):
        generate_videos(tmp_path / "set", videos=3, processes=1)
    assert list(tmp_path.iterdir()) == []


def test_a_long_video_says_where_its_scenes_start(tmp_path, scenes):
    path = tmp_path / "long.mp4"
    assert write_long_video(path, scenes[:4]) == [16, 32, 48]
    facts = probe(path)
    assert facts.frames == 64
    assert facts.seconds == pytest.approx(6.4)
    shown = read_frames(path, np.arange(64) / 10).astype(int)
    jumps = np.abs(np.diff(shown, axis=0)).mean((1, 2, 3))
    assert sorted(np.argsort(jumps)[-3:] + 1) == [16, 32, 48]
    with pytest.raises(InputError, match="at least one scene"):
        write_long_video(path, [])


@pytest.mark.parametrize(("write", "name"), [(write_mp4, "a.mp4"), (write_gif, "a.gif")])
def test_pure_colors_survive_the_file(tmp_path, write, name):
    frames = np.zeros((4, 32, 32, 3), np.uint8)
    for n, color in enumerate([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)]):
        frames[n] = color
    write(tmp_path / name, frames)
    shown = read_frames(tmp_path / name, np.arange(4) / 10)
    assert np.abs(shown.astype(int) - frames).max() <= 8
