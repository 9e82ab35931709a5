"""Batches: what is written is read back by an independent reader, and answers of any framing are understood."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import HTTP
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2c.systems.odata.batch import ChangeSet, Part, PartAnswer, align, decode, encode

# A body that ends in CR before an LF delimiter cannot be told from one before CRLF.
bodies = st.binary(max_size=80).map(lambda body: body.replace(b"--", b"-_").rstrip(b"\r"))
ascii_bodies = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=40).map(str.encode)
parts = st.builds(
    Part,
    method=st.sampled_from(["GET", "PATCH", "POST"]),
    url=st.sampled_from(["accounts(1)", "/data/CustomersV3?cross-company=true", "https://host/data/X"]),
    headers=st.dictionaries(st.sampled_from(["If-Match", "Prefer"]), st.sampled_from(["*", 'W/"1"'])),
    body=ascii_bodies,
)
items = st.lists(parts | st.builds(ChangeSet, st.lists(parts, min_size=1, max_size=3)), min_size=1, max_size=5)


def read(content_type: str, body: bytes) -> list[Any]:
    """Reads a batch with the standard library's MIME parser: (content id, request head, body) or a list of them."""
    message = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body, policy=HTTP)

    def one(part: Any) -> Any:
        if part.is_multipart():
            return [one(inner) for inner in part.iter_parts()]
        payload: bytes = part.get_payload(decode=True)
        head, _, content = payload.partition(b"\r\n\r\n")
        assert part["Content-Type"] == "application/http"
        assert part["Content-Transfer-Encoding"] == "binary"
        return part["Content-ID"], head.decode().split("\r\n"), content

    return [one(part) for part in message.iter_parts()]


@given(items)
def test_a_mime_parser_reads_what_was_meant(sent: list[Part | ChangeSet]) -> None:
    received = read(*encode(sent, "batch_b1"))
    assert len(received) == len(sent)
    seen = []
    for item, got in zip(sent, received, strict=True):
        expected, actual = ([item], [got]) if isinstance(item, Part) else (item.parts, got)
        assert len(expected) == len(actual)
        for part, (content_id, head, body) in zip(expected, actual, strict=True):
            seen.append(content_id)
            assert head[0] == f"{part.method} {part.url} HTTP/1.1"
            assert {f"{name}: {value}" for name, value in part.headers.items()} <= set(head[1:])
            assert body == part.body
            assert ("Content-Type: application/json" in head) == bool(part.body)
    assert seen == [str(number + 1) for number in range(len(seen))]


def test_wire_form_of_a_change_set() -> None:
    content_type, body = encode([ChangeSet([Part("POST", "CustomersV3", {}, b"{}")])], "batch_x")
    assert content_type == "multipart/mixed; boundary=batch_x"
    assert body == (
        b"--batch_x\r\nContent-Type: multipart/mixed; boundary=changeset_0_batch_x\r\n\r\n"
        b"--changeset_0_batch_x\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
        b"Content-ID: 1\r\n\r\nPOST CustomersV3 HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{}\r\n"
        b"--changeset_0_batch_x--\r\n\r\n--batch_x--\r\n"
    )


def test_what_would_break_the_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="line break"):
        encode([Part("GET", "accounts\r\nX: y")], "b")
    with pytest.raises(ValueError, match="line break"):
        encode([Part("GET", "accounts", {"Prefer": "a\nb"})], "b")
    with pytest.raises(ValueError, match="needs a request"):
        encode([ChangeSet([])], "b")


def framed(answers: list[Any], *, end: str, quoted: bool, boundary: str = "batchresponse_1") -> tuple[str, bytes]:
    """Writes an answer as a service does, with either line end and boundary style."""

    def name(text: str) -> str:
        return f'"{text}"' if quoted else text

    def one(answer: PartAnswer) -> bytes:
        lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
        if answer.content_id:
            lines.append(f"Content-ID: {answer.content_id}")
        lines += ["", f"HTTP/1.1 {answer.status} Whatever"]
        lines += [f"{key}: {value}" for key, value in answer.headers.items()]
        return end.join([*lines, "", ""]).encode() + answer.body + end.encode()

    chunks = []
    for index, answer in enumerate(answers):
        chunks.append(f"--{boundary}{end}".encode())
        if isinstance(answer, PartAnswer):
            chunks.append(one(answer))
            continue
        inner = f"changesetresponse_{index}"
        chunks.append(f"Content-Type: multipart/mixed; boundary={name(inner)}{end}{end}".encode())
        for part in answer:
            chunks += [f"--{inner}{end}".encode(), one(part)]
        chunks.append(f"--{inner}--{end}".encode())
    chunks.append(f"--{boundary}--{end}".encode())
    return f"multipart/mixed; boundary={name(boundary)}", b"".join(chunks)


answer_parts = st.builds(
    PartAnswer,
    status=st.sampled_from([200, 201, 204, 400, 412, 500]),
    headers=st.dictionaries(st.sampled_from(["odata-version", "location", "etag"]), st.sampled_from(["4.0", "x y"])),
    body=bodies,
    content_id=st.sampled_from(["", "1", "7"]),
)


@given(
    st.lists(answer_parts | st.lists(answer_parts, min_size=1, max_size=3), max_size=5),
    st.sampled_from(["\r\n", "\n"]),
    st.booleans(),
)
def test_answers_of_any_frame_are_read_back(answers: list[Any], end: str, quoted: bool) -> None:
    assert decode(*framed(answers, end=end, quoted=quoted)) == answers


def test_preamble_missing_headers_and_case_do_not_matter() -> None:
    body = (
        b"ignore me\r\n--B\r\ncontent-type: application/http\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n"
        b"--B\r\nCONTENT-TYPE: application/http\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-ID: 9\r\n\r\n{}\r\n--B--"
    )
    assert decode("Multipart/Mixed;boundary=B; charset=utf-8", body) == [
        PartAnswer(204),
        PartAnswer(404, {"content-id": "9"}, b"{}", "9"),
    ]


def test_a_part_that_is_cut_short_is_no_answer() -> None:
    content_type, body = framed([PartAnswer(204), PartAnswer(204)], end="\r\n", quoted=False)
    assert decode(content_type, body[: body.rindex(b"--batchresponse_1--")]) == [PartAnswer(204)]
    assert decode(content_type, b"") == []


def test_a_nested_answer_without_its_end_is_ended_by_the_outer_one() -> None:
    content_type, body = framed([[PartAnswer(204), PartAnswer(201)], PartAnswer(200)], end="\r\n", quoted=False)
    cut = body.replace(b"--changesetresponse_0--\r\n", b"")
    assert decode(content_type, cut) == [[PartAnswer(204), PartAnswer(201)], PartAnswer(200)]


def test_a_part_without_status_line_has_status_0() -> None:
    content_type, body = "multipart/mixed; boundary=B", b"--B\r\n\r\n<html>\r\n--B--"
    assert [answer.status for answer in decode(content_type, body) if isinstance(answer, PartAnswer)] == [0]


@pytest.mark.parametrize("content_type", ["text/html", "", "multipart/mixed"])
def test_what_is_no_multipart_is_said_so(content_type: str) -> None:
    with pytest.raises(ValueError, match="not a multipart"):
        decode(content_type, b"<html>")


ONE, TWO, THREE = (ChangeSet([Part("POST", "X")]) for _ in range(3))
DONE = [PartAnswer(201)]
REFUSED = PartAnswer(500, content_id="1")


def test_a_refused_change_set_is_one_answer_however_it_is_framed() -> None:
    # Content-ID 1 although the second request of the second change set failed, as captured.
    pair = ChangeSet([Part("POST", "X"), Part("POST", "Y")])
    assert align([ONE, pair, TWO], [DONE, REFUSED, DONE]) == [DONE, REFUSED, DONE]
    assert align([ONE, pair, TWO], [DONE, [REFUSED], DONE]) == [DONE, REFUSED, DONE]
    assert align([pair], [[PartAnswer(201), REFUSED]]) == [REFUSED]


def test_items_after_a_stop_have_no_answer() -> None:
    assert align([ONE, TWO, THREE], [DONE, REFUSED]) == [DONE, REFUSED, None]
    assert align([ONE, TWO], []) == [None, None]


def test_single_requests_and_change_sets_of_one_are_told_apart_by_what_was_sent() -> None:
    single = Part("GET", "X")
    assert align([single, ONE], [[PartAnswer(200)], PartAnswer(204)]) == [PartAnswer(200), [PartAnswer(204)]]


def test_content_ids_of_a_success_show_that_an_item_was_left_out() -> None:
    later = [PartAnswer(201, content_id="3")]
    assert align([ONE, TWO, THREE], [[PartAnswer(201, content_id="1")], later]) == [
        [PartAnswer(201, content_id="1")],
        None,
        later,
    ]


def test_content_ids_that_start_anew_in_each_change_set_do_no_harm() -> None:
    same = [PartAnswer(201, content_id="1")]
    assert align([ONE, TWO, THREE], [same, same, same]) == [same, same, same]


def test_more_answers_than_items_are_ignored() -> None:
    assert align([ONE], [DONE, DONE]) == [DONE]
