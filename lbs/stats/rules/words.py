"""What experiments say, in words for people: English and Danish."""

from __future__ import annotations

from collections.abc import Mapping

from lbs.stats.rules.verdict import Finding, Verdict

Text = Mapping[str, str]
"""One text by language."""

_EARLY: Mapping[Finding, Text] = {
    Finding.MISMATCH: {
        "en": "No verdict: the versions have not got the shares of the customers that were "
        "planned, so something disturbs the experiment, and its numbers cannot be compared. "
        "Find the cause and start a new one.",
        "da": "Ingen konklusion: Versionerne har ikke fået de andele af kunderne, som var "
        "planlagt, så noget forstyrrer forsøget, og tallene kan ikke sammenlignes. "
        "Find årsagen, og begynd et nyt.",
    },
    Finding.TOO_EARLY: {
        "en": "No verdict yet: the experiment has not run for as long, or with as many customers, "
        "as was planned.",
        "da": "Ingen konklusion endnu: Forsøget har ikke kørt så længe eller med så mange kunder, "
        "som det var planlagt.",
    },
    Finding.STOPPED_EARLY: {
        "en": "No verdict: the experiment was stopped before it had run for as long, or with as "
        "many customers, as was planned.",
        "da": "Ingen konklusion: Forsøget blev stoppet, før det havde kørt så længe eller med så "
        "mange kunder, som det var planlagt.",
    },
}

_WINNER: Mapping[Finding, Text] = {
    **_EARLY,
    Finding.NOT_SHOWN: {
        "en": "No difference between the versions is shown. There may be a small one, as far as "
        "the intervals reach.",
        "da": "Der er ikke påvist nogen forskel på versionerne. Der kan være en lille, så langt "
        "som intervallerne rækker.",
    },
    Finding.WINNER: {
        "en": "{arm} wins. Such a verdict is wrong in at most {percent} of 100 experiments in "
        "which there is no difference.",
        "da": "{arm} vinder. Sådan en konklusion er forkert i højst {percent} af 100 forsøg, "
        "hvor der ingen forskel er.",
    },
}

_EFFECT: Mapping[Finding, Text] = {
    **_EARLY,
    Finding.NOT_SHOWN: {
        "en": "It is not shown that the offer causes visits: customers who were not given it "
        "came about as often.",
        "da": "Det er ikke påvist, at tilbuddet giver besøg: Kunder, som ikke fik det, kom "
        "omtrent lige så tit.",
    },
    Finding.MORE_VISITS: {
        "en": "The offer causes visits: customers who were given it came more often than those "
        "who were not.",
        "da": "Tilbuddet giver besøg: Kunder, som fik det, kom oftere end dem, som ikke fik det.",
    },
    Finding.FEWER_VISITS: {
        "en": "The offer costs visits: customers who were given it came less often than those "
        "who were not.",
        "da": "Tilbuddet koster besøg: Kunder, som fik det, kom sjældnere end dem, som ikke "
        "fik det.",
    },
}


def winner_text(verdict: Verdict, alpha: float) -> Text:
    """Which version is best."""
    return {
        language: text.format(arm=verdict.arm, percent=f"{alpha * 100:g}")
        for language, text in _WINNER[verdict.finding].items()
    }


def effect_text(verdict: Verdict) -> Text:
    """Whether the offer caused the visits."""
    return _EFFECT[verdict.finding]
