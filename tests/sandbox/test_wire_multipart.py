import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.wire.multipart import BatchError, ChangeSet, Operation, Reply, decode, encode

CONTENT = 'multipart/mixed; boundary="b"'


def body(*parts: str, end: str = "--b--\r\n") -> bytes:
    return ("".join(f"--b\r\n{part}\r\n" for part in parts) + end).encode()


def request(line: str, *headers: str, content: str = "", content_id: str = "") -> str:
    head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
    if content_id:
        head += f"Content-ID: {content_id}\r\n"
    return head + "\r\n" + "\r\n".join([f"{line} HTTP/1.1", *headers, "", content])


def test_operations_and_change_sets_come_in_order() -> None:
    inner = (
        f"--c\r\n{request('POST /a', 'Content-Type: application/json', content='{}', content_id='1')}\r\n"
        f"--c\r\n{request('DELETE /a(1)', content_id='2')}\r\n--c--\r\n"
    )
    parts = decode(
        body(
            request("GET /x?$top=1"), f"Content-Type: multipart/mixed; boundary=c\r\n\r\n{inner}", request("PATCH $1")
        ),
        CONTENT,
    )
    assert parts[0] == Operation("GET", "/x?$top=1")
    assert isinstance(parts[1], ChangeSet)
    assert [(each.method, each.url, each.content_id) for each in parts[1].operations] == [
        ("POST", "/a", "1"),
        ("DELETE", "/a(1)", "2"),
    ]
    assert parts[1].operations[0].body.strip() == b"{}"
    assert isinstance(parts[2], Operation)
    assert parts[2].url == "$1"


def test_bare_line_feeds_are_accepted() -> None:
    text = b"--b\nContent-Type: application/http\n\nGET /x HTTP/1.1\nAccept: a\n\n--b--\n"
    (part,) = decode(text, "multipart/mixed; boundary=b")
    assert part == Operation("GET", "/x", {"accept": "a"})


@pytest.mark.parametrize(
    ("text", "content_type"),
    [
        (body(request("GET /x")), "application/json"),
        (body(request("GET /x")), "multipart/mixed"),
        (body(request("GET /x"), end=""), CONTENT),
        (b"", CONTENT),
        (body("Content-Type: text/plain\r\n\r\nGET /x HTTP/1.1"), CONTENT),
        (body("Content-Type: application/http\r\n\r\n"), CONTENT),
        (
            body(f"Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n{request('GET /x')}\r\n--c--\r\n"),
            CONTENT,
        ),
        (
            body(
                "Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n"
                "Content-Type: multipart/mixed; boundary=d\r\n\r\n--d--\r\n--c--\r\n"
            ),
            CONTENT,
        ),
    ],
)
def test_a_malformed_batch_is_refused(text: bytes, content_type: str) -> None:
    with pytest.raises(BatchError):
        decode(text, content_type)


@given(st.lists(st.tuples(st.sampled_from(["POST", "PATCH"]), st.text(min_size=1)), min_size=1, max_size=5))
def test_bodies_survive_whatever_they_hold(operations: list[tuple[str, str]]) -> None:
    parts = []
    for method, text in operations:
        content = text.encode("utf-8", "surrogatepass")
        parts.append(
            b"--b1f\r\nContent-Type: application/http\r\n\r\n" + f"{method} /x HTTP/1.1\r\n\r\n".encode() + content
        )
    found = decode(b"\r\n".join([*parts, b"--b1f--"]), "multipart/mixed; boundary=b1f")
    assert [(each.method, each.body) for each in found if isinstance(each, Operation)] == [
        (method, text.encode("utf-8", "surrogatepass")) for method, text in operations
    ]


def test_answers_are_encoded_with_content_ids_and_change_sets() -> None:
    content_type, text = encode(
        [Reply(200, {"X": "1"}, b"{}"), [Reply(204, content_id="7"), Reply(201, body=b"a")], Reply(429)], "r"
    )
    assert content_type == "multipart/mixed; boundary=r"
    shown = text.decode()
    assert shown.count("--r\r\n") == 3
    assert shown.endswith("--r--\r\n")
    assert "HTTP/1.1 200 OK\r\nX: 1\r\n\r\n{}" in shown
    assert "Content-ID: 7\r\n\r\nHTTP/1.1 204 No Content" in shown
    assert "changesetresponse_" in shown
    assert "HTTP/1.1 429 Too Many Requests" in shown
