"""The field's annotation files, read into one record; and every broken one in one line."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from question_files import choice, frameqa, jsonl, own, real, tgif, write, xu

from privkit.data.questions.open import IMPORTERS, open_questions, read_questions, tasks_in
from privkit.data.questions.record import Question
from privkit.errors import InputError

MCQ = {"gif_name": "g", "question": "what ?", "options": ["a", "b"], "answer": 1}
MSRVTT = {"answer": "couch", "question": "Where?", "video_id": "video1", "answer_type": "where"}
CSV_HEADER = ",video_id,answer,question,video_name,question_id,question_type\n"


def test_tgif_multiple_choice(tmp_path):
    tgif(tmp_path, [choice(), choice("gif2", 0, "ACTION2")])
    tgif(tmp_path, [choice("gif3", 4, "ACTION3")], word="Test")
    found = read_questions(tmp_path)
    assert (found.name, found.task, found.multiple_choice) == ("TGIF-QA", "action", True)
    assert found.questions[0] == Question(
        "ACTION1",
        "gif1",
        "action",
        "train",
        "What does the cat do 3 times ?",
        "jump",
        ("sit", '"run', "jump", "look up", "spin"),  # a quotation mark is a character like others
        2,
        "action",
    )
    assert [(q.answer, q.split) for q in found.questions[1:]] == [
        ("sit", "train"),
        ("spin", "test"),
    ]
    assert found.rows == {"train": 2, "test": 1}
    assert found.official_rows == {"train": 20475, "test": 2274}


def test_tgif_frameqa_has_answer_types(tmp_path):
    rows = [frameqa(kind=kind, vid=f"FRAMEQA{kind}") for kind in range(4)]
    tgif(tmp_path, rows, "frameqa", "Test")
    found = read_questions(tmp_path)
    kinds = [q.answer_type for q in found.questions]
    assert kinds == ["object", "number", "color", "location"]
    assert not found.multiple_choice
    assert found.questions[0].correct is None


def test_one_file_alone_is_enough(tmp_path):
    path = tgif(tmp_path, [choice()])
    tgif(tmp_path, [choice("gif3", 4, "ACTION3")], word="Test")
    assert [q.split for q in read_questions(path).questions] == ["train"]
    assert tasks_in(path) == ["action"]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r\n\r\n\n"])
def test_line_ends_blank_lines_and_a_byte_order_mark_do_not_matter(tmp_path, ending):
    path = tgif(tmp_path, [choice()])
    text = path.read_bytes().replace(b"\r\n", ending.encode())
    path.write_bytes(b"\xef\xbb\xbf" + text)
    assert read_questions(path).questions[0].options[4] == "spin"


def test_msvd_maps_file_names_to_video_names(tmp_path):
    write(tmp_path, "train_qa.json", [xu(0, 1), xu(1, 2, "Two dogs do what?", "run")])
    write(tmp_path, "val_qa.json", [xu(2, 3, "how many?")])
    write(tmp_path, "youtube_mapping.txt", "-4w_5_15 vid1\n\nabc_1_2 vid2\n")
    write(tmp_path, "YouTubeClips/-4w_5_15.avi", b"x")
    write(tmp_path, "YouTubeClips/vid3.avi", b"x")
    found = open_questions(tmp_path)
    assert (found.name, found.task) == ("MSVD-QA", "msvd-qa")
    assert [q.answer_type for q in found.questions] == ["who", "other", "how"]
    assert [q.split for q in found.questions] == ["train", "train", "validation"]
    assert {k: p.name for k, p in found.videos.items()} == {
        "vid1": "-4w_5_15.avi",
        "vid3": "vid3.avi",
    }


@pytest.mark.parametrize("record", [xu(0, 6513), xu(0, 3, category_id=14)])
def test_msrvtt_is_told_from_msvd_by_its_content(tmp_path, record):
    write(tmp_path, "test_qa.json", [xu(9, 1000), record])
    found = read_questions(tmp_path)
    assert (found.name, found.task) == ("MSRVTT-QA", "msrvtt-qa")
    assert found.questions[1].video == f"video{record['video_id']}"
    assert {q.split for q in found.questions} == {"test"}


def test_msrvtt_csv(tmp_path):
    write(tmp_path, "val_qa.csv", CSV_HEADER + '1,6513,couch,"what, sir?",video6513,158581,14\n')
    (question,) = read_questions(tmp_path).questions
    assert question == Question(
        "158581", "video6513", "msrvtt-qa", "validation", "what, sir?", "couch", answer_type="other"
    )


def test_clipbert(tmp_path):
    jsonl(tmp_path, "action_train.jsonl", [MCQ, MCQ])
    jsonl(tmp_path, "action_val.jsonl", [MCQ])
    typed = {"gif_name": "g", "question": "q", "answer": "cookie", "answer_type": "object"}
    jsonl(tmp_path, "frameqa_test.jsonl", [typed])
    jsonl(tmp_path, "train.jsonl", [MSRVTT])
    assert tasks_in(tmp_path) == ["action", "frameqa", "msrvtt-qa"]
    action = read_questions(tmp_path, task="action").questions
    assert [q.split for q in action] == ["train", "train", "validation"]
    assert len({q.question_id for q in action}) == 3
    assert (action[0].answer, action[0].correct) == ("b", 1)
    assert read_questions(tmp_path, task="frameqa").questions[0].answer_type == "object"
    assert read_questions(tmp_path, task="msrvtt-qa").questions[0].video == "video1"


def test_own_files_hold_several_tasks_a_notice_and_attributes(tmp_path):
    choose = own(1, task="action", options=["a", "yes", "a"], correct=1)
    path = jsonl(tmp_path, "questions.jsonl", [own(), choose])
    write(tmp_path, "notice.txt", "These are\ngenerated videos.\n")
    write(tmp_path, "attributes.csv", "video,identity\nv0,3\n")
    found = read_questions(tmp_path, task="action")
    assert found.questions[0].to_dict() == choose
    assert found.notice == "These are generated videos."
    assert found.attributes == tmp_path / "attributes.csv"
    assert tasks_in(path.rename(tmp_path / "mine.jsonl")) == ["yesno", "action"]
    # A name of ClipBERT's does not make it ClipBERT's.
    assert tasks_in((tmp_path / "mine.jsonl").rename(tmp_path / "train.jsonl"))[0] == "yesno"


def test_a_generated_set_says_so_wherever_it_is_read(tmp_path):
    generated = pytest.importorskip("privkit.data.videos.generated")
    generated.generate_videos(tmp_path / "set", videos=10, processes=1)
    found = open_questions(tmp_path / "set", task="yesno")
    assert found.notice == generated.NOTICE
    assert list(found.videos) == found.video_names()
    assert [len(found.split(s)) for s in ("train", "validation", "test")] == [7, 1, 2]


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(WORDS, WORDS, st.lists(WORDS, max_size=4)), min_size=1, max_size=5))
def test_whatever_the_words_are_they_come_back(tmp_path_factory, drawn):
    records = []
    for n, (question, answer, others) in enumerate(drawn):
        options = [answer, *others] if others else []
        correct = 0 if others else None
        records.append(own(n, question=question, answer=answer, options=options, correct=correct))
    path = jsonl(tmp_path_factory.mktemp("own"), "questions.jsonl", records)
    assert [q.to_dict() for q in read_questions(path).questions] == records


VALID = {
    "Train_action_question.csv": lambda d: tgif(d, [choice()]),
    "Train_frameqa_question.csv": lambda d: tgif(d, [frameqa()], "frameqa"),
    "train_qa.json": lambda d: write(d, "train_qa.json", [xu(), xu(1)]),
    "val_qa.csv": lambda d: write(d, "val_qa.csv", CSV_HEADER + "1,1,a,b,video1,1,1\n"),
    "action_train.jsonl": lambda d: jsonl(d, "action_train.jsonl", [MCQ]),
    "questions.jsonl": lambda d: jsonl(d, "questions.jsonl", [own(), own(1)]),
}


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(VALID)),
    st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=3)), min_size=1, max_size=4),
)
def test_a_damaged_file_is_read_or_refused(tmp_path_factory, name, damage):
    path = VALID[name](tmp_path_factory.mktemp("damaged"))
    data = path.read_bytes()
    for place, piece in damage:
        at = place % (len(data) or 1)
        data = data[:at] + piece + data[at + 1 :]
    path.write_bytes(data)
    with contextlib.suppress(InputError):
        for task in tasks_in(path):
            assert open_questions(path, task=task).questions


BAD = [
    (lambda d: tgif(d, [choice(answer=5)]), "line 2: the answer's index.*0 to 4.*found: 5"),
    (lambda d: tgif(d, [choice(), choice(vid="A2", answer=-1)]), "line 3: .*out of range.*-1"),
    (lambda d: tgif(d, [choice(answer="jump")]), "no index of an option.*found: 'jump'"),
    (lambda d: tgif(d, [choice(), choice("gif2")]), "line 3: .*id is used twice.*ACTION1"),
    (lambda d: tgif(d, [choice() + "\tmore"]), "line 2: the line has 11 fields; rule: 10"),
    (lambda d: tgif(d, ["gif\tquestion"]), "line 2: the line has 2 fields"),
    (lambda d: tgif(d, [frameqa(kind=4)], "frameqa"), "answer type is not known.*0 object.*4"),
    (lambda d: tgif(d, [frameqa(kind="x")], "frameqa"), "no whole number.*'x'"),
    (lambda d: tgif(d, [choice("../../etc/passwd")]), "no name of a video.*etc/passwd"),
    (lambda d: tgif(d, [choice("..")]), "no name of a video"),
    (lambda d: tgif(d, [choice("a\\b")]), "no name of a video"),
    (lambda d: tgif(d, [choice("a\x1b[2J")]), "no name of a video"),
    (lambda d: tgif(d, [choice("")]), "no name of a video"),
    (lambda d: tgif(d, [], header="a\tb\tc"), "line 1: there is no column 'gif_name'.*'a', 'b'"),
    (
        lambda d: tgif(d, [choice().replace("\t", ",")], header="gif_name,question,a1"),
        "rule: .*separated by tabs; found: no tabs but commas",
    ),
    (lambda d: tgif(d, [], header="gif_name\tgif_name"), "'gif_name' is there 2 times"),
    (lambda d: tgif(d, []), "no question of the task 'action'"),
    (lambda d: write(d, "Train_action_question.csv", b""), "is empty.*0 bytes"),
    (lambda d: write(d, "Train_action_question.csv", b" \r\n "), "is empty"),
    (lambda d: write(d, "train_qa.json", b'[{"a": "\xff"}]'), "not UTF-8.*byte 0xff"),
    (lambda d: tgif(d, [choice()]).write_bytes(b"a\nb\xe9") and d, "line 2: the file is not UTF-8"),
    (lambda d: write(d, "train_qa.json", {"a": 1}), "does not hold a list.*a JSON object"),
    (lambda d: write(d, "train_qa.json", b'[{"id": 1'), "not valid JSON"),
    (lambda d: write(d, "train_qa.json", b"[" * 100_000), "not valid JSON"),
    (lambda d: write(d, "train_qa.json", [xu(), 3]), "record 2: the record is not an object"),
    (lambda d: write(d, "train_qa.json", [{"video_id": 1}]), "record 1: there is no 'question'"),
    (lambda d: write(d, "train_qa.json", [xu(video="x")]), "no whole number.*'x'"),
    (lambda d: write(d, "train_qa.json", [xu(video=True)]), "no whole number.*True"),
    (lambda d: write(d, "train_qa.json", [xu(answer=3)]), "'answer' is no text.*3"),
    (lambda d: write(d, "train_qa.json", [xu(answer="\ud800")]), r"no text.*'\\ud800'"),
    (lambda d: write(d, "train_qa.json", []), "no question"),
    (
        lambda d: (write(d, "train_qa.json", [xu()]), write(d, "youtube_mapping.txt", "a b c"), d)[
            2
        ],
        "youtube_mapping.txt: line 1: this line maps no file",
    ),
    (lambda d: write(d, "val_qa.csv", "video_id,answer\n1,2\n"), "no column 'video_name'"),
    (lambda d: write(d, "val_qa.csv", CSV_HEADER + '1,2,"a'), "line 2: the line cannot be read"),
    (lambda d: write(d, "action_train.jsonl", b'{"answer": 1}\n{"ans'), "no 'question'|no 'video"),
    (lambda d: write(d, "train.jsonl", b'{"a": 1}\n{"b'), "line 1: there is no 'video_id'"),
    (lambda d: jsonl(d, "action_train.jsonl", [MCQ, MCQ | {"answer": 2}]), "line 2: .*0 to 1"),
    (lambda d: jsonl(d, "action_train.jsonl", [MCQ | {"options": "ab"}]), "no list of texts"),
    (lambda d: jsonl(d, "action_train.jsonl", [MCQ | {"options": []}]), "nothing to choose"),
    (lambda d: write(d, "questions.jsonl", b'{"task": "yesno"}\n\n{"bro'), "line 3: .*valid JSON"),
    (lambda d: write(d, "questions.jsonl", b'["a"]'), "line 1: the record is not an object"),
    (lambda d: jsonl(d, "questions.jsonl", [own(split="dev")]), "split is not known.*'dev'"),
    (lambda d: jsonl(d, "questions.jsonl", [own(task="../x")]), "no name of a task"),
    (lambda d: jsonl(d, "questions.jsonl", [own(), own()]), "line 2: .*id is used twice"),
    (
        lambda d: jsonl(d, "questions.jsonl", [own(options=["no", "yes"], correct=0)]),
        "the answer is not the correct option",
    ),
    (lambda d: jsonl(d, "questions.jsonl", [own(video="a/b")]), "no name of a video"),
    (lambda d: write(d, "notes.txt", "hello"), "no questions in a format that is known.*notes.txt"),
    (lambda d: d, "found: an empty folder"),
    (lambda d: d / "missing", "does not exist"),
    (lambda d: (write(d, "fight/a.mp4", b"x"), (d / "noFight").mkdir(), d)[2], "no videos"),
    (
        lambda d: (write(d, "fight/a.mp4", b"x"), write(d, "noFight/a.mp4", b"x"), d)[2],
        "used twice",
    ),
]


@pytest.mark.parametrize(("make", "words"), BAD)
def test_bad_input_is_one_clear_line(tmp_path, make, words):
    path = make(tmp_path)
    with pytest.raises(InputError, match=words) as caught:
        open_questions(path)
    assert "\n" not in str(caught.value)
    assert caught.value.where


def test_the_task_is_named_where_there_are_several(tmp_path):
    tgif(tmp_path, [choice()])
    tgif(tmp_path, [frameqa()], "frameqa")
    assert tasks_in(tmp_path) == ["action", "frameqa"]
    with pytest.raises(InputError, match="action, frameqa; remedy: name one with --task"):
        open_questions(tmp_path)
    with pytest.raises(InputError, match=r"not there; rule: one of action, frameqa.*'count'"):
        open_questions(tmp_path, task="count")
    assert open_questions(tmp_path, task="frameqa").task == "frameqa"


def test_one_task_in_two_formats_is_refused(tmp_path):
    path = tgif(tmp_path, [choice()])
    jsonl(tmp_path, "action_train.jsonl", [MCQ])
    with pytest.raises(InputError, match="in several formats"):
        open_questions(tmp_path)
    assert open_questions(path).name == "TGIF-QA"


def test_every_importer_says_which_files_it_reads():
    assert all(importer.files for importer in IMPORTERS.values())


def test_the_real_annotations_have_their_official_rows():
    for folder, task, counts in [
        ("tgif_qa", "action", {"train": 20475, "test": 2274}),
        ("tgif_qa", "transition", {"test": 6232}),
        ("tgif_qa", "frameqa", {"test": 13691}),
        ("msvd_qa", "msvd-qa", {"train": 30933, "val": 6415, "test": 13157}),
        ("msrvtt_qa", "msrvtt-qa", {"val": 12278}),
    ]:
        found = read_questions(real(folder), task=task)
        assert found.rows == counts
        assert counts.items() <= found.official_rows.items()


def test_the_real_clips_of_msvd_are_found_by_their_youtube_names():
    found = open_questions(real("msvd_qa"), videos=real("videos/msvd_5"))
    assert len(found.videos) == 5
    assert sum(q.video in found.videos for q in found.questions) == 147
