"""Made-up customers of several countries, whose names, addresses, phones, emails, banks and currencies fit together."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from mimesis import Address, Finance, Gender, Locale, Person

from forebay.services.orderstore.order import Delivery

_DOMAINS = ("example.com", "example.net", "example.org")
"""Reserved (RFC 2606): no order reaches anybody's mailbox."""
_GENDERS = (Gender.FEMALE, Gender.MALE)
_PLACES = 100
"""Cities of a country; each lies in one region and has one postal code."""
_LETTERS = {
    ord(letter): latin
    for letter, latin in (
        *zip("абвгдеёзийклмнопрстуфыэøł", "abvgdeeziyklmnoprstufyeol", strict=True),
        *(("ж", "zh"), ("х", "kh"), ("ц", "ts"), ("ч", "ch"), ("ш", "sh"), ("щ", "shch"), ("ю", "yu"), ("я", "ya")),
        *(("ъ", ""), ("ь", ""), ("ß", "ss"), ("æ", "ae"), ("œ", "oe")),
    )
}
"""Those that no decomposition turns into ASCII."""


class Country(NamedTuple):
    """Where customers live.

    Arguments:
        locale: of the library; its first part is the language.
        phone: the form of its mobile numbers, ``#`` for a digit.
        prices: what costs 1 dollar costs about so many units of the currency.
    """

    locale: Locale
    phone: str
    prices: int = 1


COUNTRIES = (
    Country(Locale.EN, "+1-5##-555-01##"),
    Country(Locale.DE, "+49 15# ########"),
    Country(Locale.FR, "+33 6 ## ## ## ##"),
    Country(Locale.ES, "+34 6## ### ###"),
    Country(Locale.IT, "+39 3## ### ####"),
    Country(Locale.RU, "+7 9## ###-##-##", 90),
)


class Customer(NamedTuple):
    """Somebody who orders; `prices` as of the country."""

    id: str
    delivery: Delivery
    language: str
    currency: str
    bank: str
    prices: int


def customers(seed: int, count: int) -> list[Customer]:
    """Return so many customers, the same for the same seed, as many of each country."""
    makers = [_Maker(country, seed) for country in COUNTRIES]
    return [makers[i % len(makers)].customer(i) for i in range(count)]


class _Maker:
    """Makes customers of one country."""

    def __init__(self, country: Country, seed: int) -> None:
        self._country = country
        self._person = Person(country.locale, seed=seed)
        self._address = Address(country.locale, seed=seed)
        self._finance = Finance(country.locale, seed=seed)
        at = self._address
        self._places = [(at.city(), at.region(), at.zip_code()) for _ in range(_PLACES)]

    def customer(self, number: int) -> Customer:
        name = self._person.full_name(gender=_GENDERS[number // len(COUNTRIES) % 2])  # or the names would be mixed
        city, region, zip_code = self._places[number // len(COUNTRIES) % _PLACES]
        delivery = Delivery(
            name=name,
            phone=self._person.phone_number(mask=self._country.phone),
            zip=zip_code,
            city=city,
            address=self._address.address(),
            region=region,
            email=f"{mailbox(name)}{number}@{_DOMAINS[number % len(_DOMAINS)]}",
        )
        return Customer(
            id=f"{mailbox(name)}{number}",
            delivery=delivery,
            language=self._country.locale.value,
            currency=self._finance.currency_iso_code(),
            bank=self._finance.bank(),
            prices=self._country.prices,
        )


def mailbox(name: str) -> str:
    """Return a name as it stands before the @ of an email: ``Jürgen Groß`` is ``jurgen.gross``."""
    plain = unicodedata.normalize("NFKD", name.lower().translate(_LETTERS))
    return ".".join(re.findall(r"[a-z0-9]+", plain.encode("ascii", "ignore").decode()))
