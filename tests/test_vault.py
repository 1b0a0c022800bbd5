import pytest
from cryptography.fernet import InvalidToken

from lbs.vault import Vault, new_key

OLD, NEW = new_key(), new_key()


def test_what_was_sealed_is_opened_again_and_never_reads_the_same():
    vault = Vault([OLD])
    assert vault.unseal(vault.seal("secret")) == "secret"
    assert vault.seal("secret") != vault.seal("secret")
    assert "secret" not in vault.seal("secret")


def test_after_a_change_of_key_old_secrets_open_and_are_found():
    before, after = Vault([OLD]), Vault([NEW, OLD])

    assert after.unseal(before.seal("secret")) == "secret"
    assert before.digest("secret") in after.digests("secret")
    assert after.digest("secret") != before.digest("secret")


def test_resealed_secrets_need_the_newest_key_only():
    before, both, after = Vault([OLD]), Vault([NEW, OLD]), Vault([NEW])

    resealed = both.reseal(before.seal("secret"))

    assert after.unseal(resealed) == "secret"
    assert both.reseal(resealed) == resealed
    with pytest.raises(InvalidToken):
        after.reseal(before.seal("secret"))


def test_without_the_key_nothing_opens():
    with pytest.raises(InvalidToken):
        Vault([NEW]).unseal(Vault([OLD]).seal("secret"))
