"""Signed tokens: every change of a letter is noticed, and a new key breaks none."""

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from adapters.identifiers import new_id
from adapters.signing import LinkSigner

OLD, NEW = "o" * 32, "n" * 32
ALPHABET = string.ascii_letters + string.digits + "-_.=~!%/+ \n"
URL_SAFE = st.text(string.ascii_letters + string.digits + "_-~", min_size=1, max_size=60)


@given(URL_SAFE)
def test_what_is_signed_comes_back_and_is_always_signed_the_same(value: str) -> None:
    signer = LinkSigner([OLD])
    assert signer.token(value) == signer.token(value)
    assert signer.link_id(signer.token(value)) == signer.value(signer.token(value)) == value


def test_ten_thousand_altered_tokens_are_all_refused() -> None:
    signer, chance = LinkSigner([OLD]), random.Random(7)
    for _ in range(10_000):
        token = signer.token(new_id("lnk"))
        altered = _altered(token, chance)
        if altered != token:
            assert signer.link_id(altered) is None, (token, altered)


def test_every_other_last_letter_is_refused_although_base64_would_decode_some_to_the_same_bytes() -> None:
    signer = LinkSigner([OLD])
    token = signer.token("lnk_1")
    others = [token[:-1] + letter for letter in ALPHABET if letter != token[-1]]
    assert not any(signer.link_id(other) for other in others)


@given(st.text(max_size=80))
def test_anything_at_all_is_answered_without_an_error(token: str) -> None:
    assert LinkSigner([OLD]).link_id(token) is None


def test_a_token_made_for_another_purpose_is_refused() -> None:
    links, cursors = LinkSigner([OLD]), LinkSigner([OLD], "cursor")
    assert cursors.value(links.token("lnk_1")) is None
    assert links.value(cursors.token("lnk_1")) is None


def test_a_new_key_in_front_keeps_old_links_alive_until_the_old_key_is_taken_away() -> None:
    token = LinkSigner([OLD]).token("lnk_1")
    rotated = LinkSigner([SecretStr(NEW), SecretStr(OLD)])
    assert rotated.link_id(token) == "lnk_1"
    assert rotated.token("lnk_1") == LinkSigner([NEW]).token("lnk_1") != token
    assert LinkSigner([NEW]).link_id(token) is None


def test_a_link_token_is_short_enough_for_a_line_of_mail() -> None:
    assert len(LinkSigner([OLD]).token(new_id("lnk"))) <= 70


@pytest.mark.parametrize("value", ["", "a.b", "a b", "ä", "a/b"])
def test_values_that_a_url_would_bend_cannot_be_signed(value: str) -> None:
    with pytest.raises(ValueError, match="can be signed"):
        LinkSigner([OLD]).token(value)


def test_without_a_key_there_is_no_signer() -> None:
    with pytest.raises(ValueError, match="at least one key"):
        LinkSigner([])


def _altered(token: str, chance: random.Random) -> str:
    at = chance.randrange(len(token))
    letter = chance.choice(ALPHABET)
    match chance.randrange(5):
        case 0:
            return token[:at] + letter + token[at + 1 :]
        case 1:
            return token[:at] + letter + token[at:]
        case 2:
            return token[:at] + token[at + 1 :]
        case 3:
            return token + letter
        case _:
            return token.swapcase()
