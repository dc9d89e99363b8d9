"""Tokens: which of an issuer's are taken, and what becomes of all the others."""

import base64
import hmac
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from llmchat.access.base import Principal, Scope
from llmchat.access.issuer import IssuerKeys
from llmchat.access.tokens import IssuerTokens, TokenRules
from llmchat.errors import Unauthenticated
from llmchat.ids import OwnerId
from tests.issuer import AUDIENCE, Issuer, issuing, jwk_of, rsa_key

P256, P384 = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP384R1())
ED = ed25519.Ed25519PrivateKey.generate()
NOW = int(time.time())
HOUR = 3600


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as issuer:
        issuer.keys += [
            jwk_of(P256, "p256"),
            jwk_of(P384, "p384"),
            jwk_of(ED, "ed"),
            jwk_of(rsa_key(1), "only RS512", alg="RS512"),
            jwk_of(rsa_key(2), "to encrypt", use="enc"),
            jwk_of(rsa_key(3, 1024), "short"),
            {"kty": "oct", "kid": "secret", "k": _encoded(b"s" * 64)},
            {"kty": "RSA", "kid": "broken", "n": "!", "e": "?"},
            {"kty": "RSA", "kid": "no numbers", "n": 7, "e": [7]},
        ]
        yield issuer


def rules(issuer: Issuer, **changed: str) -> TokenRules:
    usual = {"audience": AUDIENCE, "user_claim": "sub", "scope_claim": "scope"}
    return TokenRules(issuer=issuer.url, **(usual | changed))


@pytest.fixture
async def tokens(issuer: Issuer) -> AsyncIterator[IssuerTokens]:
    async with aclosing(IssuerTokens(rules(issuer), IssuerKeys(issuer.url))) as tokens:
        yield tokens


async def test_a_good_token_says_who_calls(issuer: Issuer, tokens: IssuerTokens) -> None:
    principal = await tokens.authenticate(issuer.token(exp=NOW + HOUR))

    assert principal == Principal(
        OwnerId("oidc:ann"), frozenset({Scope.CHAT}), expires_at=NOW + HOUR
    )


@pytest.mark.parametrize(
    ("key", "kid", "algorithm"),
    [
        *((rsa_key(0), "first", name) for name in ("RS256", "RS384", "RS512", "PS256")),
        (P256, "p256", "ES256"),
        (P384, "p384", "ES384"),
        (ED, "ed", "EdDSA"),
        (rsa_key(1), "only RS512", "RS512"),
    ],
)
async def test_every_algorithm_that_is_taken(
    issuer: Issuer, tokens: IssuerTokens, key: Any, kid: str, algorithm: str
) -> None:
    token = issuer.token(key, algorithm=algorithm, headers={"kid": kid})

    assert (await tokens.authenticate(token)).user == "oidc:ann"


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": ["another", AUDIENCE]},
        {"sub": "é|" + "x" * 250},
        {"typ": "Bearer"},
    ],
)
async def test_claims_that_are_taken(
    issuer: Issuer, tokens: IssuerTokens, claims: dict[str, Any]
) -> None:
    principal = await tokens.authenticate(issuer.token(**claims))

    assert principal.user == f"oidc:{claims.get('sub', 'ann')}"


@pytest.mark.parametrize("offsets", [{"exp": -5}, {"nbf": 25}, {"iat": 25}])
async def test_a_clock_may_be_a_little_wrong(
    issuer: Issuer, tokens: IssuerTokens, offsets: dict[str, int]
) -> None:
    now = int(time.time())
    changed: dict[str, Any] = {name: now + offset for name, offset in offsets.items()}

    assert (await tokens.authenticate(issuer.token(**changed))).user == "oidc:ann"


REFUSED: dict[str, list[Any]] = {
    "exp": [NOW - HOUR, None, "soon", [NOW + HOUR], float("inf"), {}],
    "nbf": [NOW + HOUR, "x", float("inf")],
    "iat": [NOW + HOUR],
    "aud": ["another", None, [], 7, [7], AUDIENCE + "/"],
    "iss": ["https://evil.example.com", None],
    "sub": [None, 7, ["ann"], {"a": 1}, "", "a\nb", "a\0b", "\ud800", "\u202eann"],
    "sub that is too long": ["x" * 256, "é" * 128],
    "scope": [7, {"chat": True}, ["chat", 7], True],
}


# The ids hold no clock: workers that collected them a second apart would not agree on the tests.
@pytest.mark.parametrize(
    ("claim", "value"),
    [
        pytest.param(claim, value, id=f"{claim} {index}")
        for claim, values in REFUSED.items()
        for index, value in enumerate(values)
    ],
)
async def test_claims_that_are_refused(
    issuer: Issuer, tokens: IssuerTokens, claim: str, value: Any
) -> None:
    changed: dict[str, Any] = {claim.split(maxsplit=1)[0]: value}
    await _refused(tokens, issuer.token(**changed))


@pytest.mark.parametrize(
    "headers",
    [
        {"kid": "nobody's"},
        {},
        {"kid": "p256"},
        {"kid": "only RS512"},
        {"kid": "to encrypt"},
        {"kid": "broken"},
        {"kid": "no numbers"},
        {"kid": "first", "typ": "logout+jwt"},
        {"kid": "first", "crit": ["unheard-of"], "unheard-of": 1},
    ],
    ids=str,
)
async def test_headers_that_are_refused(
    issuer: Issuer, tokens: IssuerTokens, headers: dict[str, Any]
) -> None:
    await _refused(tokens, issuer.token(headers=headers))


async def test_a_key_for_something_else_signs_nothing(issuer: Issuer, tokens: IssuerTokens) -> None:
    await _refused(tokens, issuer.token(rsa_key(1), headers={"kid": "only RS512"}))
    await _refused(tokens, issuer.token(rsa_key(2), headers={"kid": "to encrypt"}))
    await _refused(tokens, issuer.token(rsa_key(4)))


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_a_key_that_is_too_short_signs_nothing(issuer: Issuer, tokens: IssuerTokens) -> None:
    await _refused(tokens, issuer.token(rsa_key(3, 1024), headers={"kid": "short"}))


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
@pytest.mark.parametrize("signed", [True, False])
async def test_an_unsigned_token_is_nothing(
    issuer: Issuer, tokens: IssuerTokens, algorithm: str, signed: bool
) -> None:
    head = _json({"alg": algorithm, "typ": "JWT", "kid": "first"})
    signature = issuer.token().rpartition(".")[2] if signed else ""
    await _refused(tokens, f"{head}.{_json(issuer.claims())}.{signature}")


@pytest.mark.parametrize("kid", ["first", "secret"])
async def test_a_shared_secret_signs_nothing(
    issuer: Issuer, tokens: IssuerTokens, kid: str
) -> None:
    public = rsa_key(0).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    shown = json.dumps(issuer.keys[0]).encode()
    for secret in (pem, pem.strip(), shown, b"s" * 64, b""):
        signing = f"{_json({'alg': 'HS256', 'kid': kid})}.{_json(issuer.claims())}"
        signature = _encoded(hmac.digest(secret, signing.encode(), sha256))
        await _refused(tokens, f"{signing}.{signature}")


@pytest.mark.parametrize(
    "token", ["..", "a.b.c", "e30.e30.e30", "é.é.é", "." * 7, "W10.W10.W10", "bnVsbA.e30.", "x"]
)
async def test_what_is_no_token_is_refused(tokens: IssuerTokens, token: str) -> None:
    await _refused(tokens, token)


async def test_json_without_end_is_refused(tokens: IssuerTokens) -> None:
    deep = _encoded(b"[" * 10_000)
    await _refused(tokens, f"{deep}.{deep}.{deep}")


@pytest.mark.parametrize("member", [0, 1, 2])
async def test_a_token_that_was_changed_is_refused(
    issuer: Issuer, tokens: IssuerTokens, member: int
) -> None:
    parts, others = issuer.token().split("."), issuer.token(sub="bob", iat=NOW - 1).split(".")
    parts[member] = others[member] if member else parts[0] + "IA"
    await _refused(tokens, ".".join(parts))


@pytest.mark.parametrize(
    ("scope", "may"),
    [
        (None, {"chat"}),
        ("openid read profile", {"read"}),
        ("chat admin", {"chat", "admin"}),
        (["read", "else"], {"read"}),
        ("openid profile", set()),
        ("administrator CHAT", set()),
        ("", set()),
        ([], set()),
    ],
)
async def test_scopes_are_those_of_this_server(
    issuer: Issuer, tokens: IssuerTokens, scope: Any, may: set[str]
) -> None:
    assert (await tokens.authenticate(issuer.token(scope=scope))).scopes == may


async def test_other_claims_may_say_who_calls_and_what_they_may(issuer: Issuer) -> None:
    chosen = rules(issuer, user_claim="email", scope_claim="roles")
    claims: dict[str, Any] = {
        "email": "ann@example.com",
        "roles": ["admin"],
        "scope": "read",
        "sub": None,
    }
    async with aclosing(IssuerTokens(chosen, IssuerKeys(issuer.url))) as tokens:
        principal = await tokens.authenticate(issuer.token(email_verified=True, **claims))
        assert principal.user == "oidc:ann@example.com"
        assert principal.scopes == {Scope.ADMIN}

        for unverified in (None, False, "true"):
            await _refused(tokens, issuer.token(email_verified=unverified, **claims))


async def test_a_token_that_let_somebody_in_is_no_guess(
    issuer: Issuer, tokens: IssuerTokens
) -> None:
    good, bad = issuer.token(), issuer.token(exp=NOW - HOUR)
    assert not tokens.remembers(good)
    await tokens.authenticate(good)
    await _refused(tokens, bad)

    assert tokens.remembers(good)
    assert not tokens.remembers(bad)


async def _refused(tokens: IssuerTokens, token: str) -> None:
    """With the words for everything that is wrong with a token."""
    with pytest.raises(Unauthenticated, match=r"^The token is not one for this server, or has"):
        await tokens.authenticate(token)


def _json(members: Any) -> str:
    return _encoded(json.dumps(members).encode())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
