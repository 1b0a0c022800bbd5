"""What remains possible, level by level, in words; the numbers are filled in by the report."""

from __future__ import annotations

from typing import NamedTuple


class Still(NamedTuple):
    """One thing that remains possible; told only where the attack `measured` got through."""

    title: str
    text: str
    measured: str = ""
    """The attack's name; empty: it was not mounted, and is told always."""


AT_ONE = (
    Still(
        "A careful spoof inside the fence.",
        """A changed app, an emulator or a script makes up a position at the venue, with a little
        noise and without the flag for simulated fixes: {jittered_copies_L1} got in. Nothing in a
        position shows that it is made up. L1 keeps honest people honest; an offer that is worth a
        lie needs L3.""",
        "jittered_copies.L1",
    ),
    Still(
        "The same from venue to venue.",
        """At the speed of a car one account opened {slow_drift_L1}. After {rapid} check-ins in
        5 minutes, or {daily} in a day, it is asked for a physical proof.""",
        "slow_drift.L1",
    ),
    Still(
        "Many accounts.",
        """From one phone {account_farm_L1} got in; where more than {on_device} customers are on a
        phone, offers ask for one level more. But the app says which phone it is, so a script says
        another each time, and is the careful spoof again; and an account that is erased takes what
        is known of its phone along. What a farm can take is bounded by the offer's limits, in all
        and a day.""",
        "account_farm.L1",
    ),
    Still(
        "A shared account.",
        """Ten phones with one account: {many_devices_L1} got in, {on_customer} of each ten.""",
        "many_devices.L1",
    ),
    Still(
        "Next door.",
        """A phone counts as inside up to {pad} m from the fence. Who stands on the pavement, or on
        the floor above, is at the venue.""",
    ),
    Still(
        "A receipt shown twice.",
        """It is good for up to {receipt} minutes. Who verifies it offline cannot know that it was
        shown before; `POST /v1/receipts/verify` with `use` does.""",
    ),
)

AT_TWO = (
    Still(
        "A phone that passes and lies all the same.",
        """Rooted phones can be made to pass their platform's check, and a transmitter beside an
        intact phone can imitate the satellites: {spoof_past_integrity_L2} got in. The platforms
        vouch for phone and app, not for the position. What L2 stops is scripts, emulators and
        changed apps.""",
        "spoof_past_integrity.L2",
    ),
)

AT_THREE = (
    Still(
        "An accomplice at the kiosk.",
        """Digits can be passed on in a moment, and phones can lie about where they are:
        {relayed_code_spoofed} got in with one code. A customer uses a step once, and a step takes
        so many customers only (`max_customers`, 20 where the venue does not say otherwise); those
        after them hear `crowded_code`, and support sees it. It takes somebody at the venue all the
        time, and a careful spoof for each customer.""",
        "relayed_code_spoofed",
    ),
    Still(
        "The same, on phones that pass their platform's check.",
        """In an app that has its phones attested, what can be passed on counts only from a phone
        that its platform vouches for: scripts got in {relayed_code_unattested}. Phones that pass
        and lie all the same: {relayed_code_past_integrity}, with the bounds of above.""",
        "relayed_code_past_integrity",
    ),
    Still(
        "Taps stored up.",
        """A tag states a counter and no time. An accomplice taps, passes the addresses on, and the
        phones lie about their location: {hoarded_taps} got in. Each address is good once, and all
        are dead as soon as somebody taps at the venue and checks in; where nobody does, they keep.
        """,
        "hoarded_taps",
    ),
    Still(
        "A beacon passed on.",
        """Anybody near can hear a beacon, and pass on what it says to phones that lie:
        {relayed_beacon_spoofed} got in. Once for each customer, for so many customers only
        (`max_customers`, 30 where the venue does not say otherwise), and for {beacon_new} minutes
        at most with a new beacon; as clocks drift, {beacon_year} after a year, unless its clock is
        compared meanwhile. It is heard from outside: of the physical proofs it is the weakest.""",
        "relayed_beacon_spoofed",
    ),
    Still(
        "A PIN that got known.",
        """It is typed on the customer's phone, where a changed app, or a look over the shoulder,
        keeps it: {passed_on_pin_spoofed} got in with it, beside a careful spoof. The limit an hour
        bounds it (`max_per_hour`, 30 where the venue does not say otherwise), the member's name
        stands at each confirmation, and a rotation ends it. A member's own key is never typed.""",
        "passed_on_pin_spoofed",
    ),
    Still(
        "Staff who help friends.",
        """{colluding_staff} got in: as many as a member may confirm in an hour. Who confirmed is
        recorded. No proof holds against those who guard it.""",
        "colluding_staff",
    ),
    Still(
        "Leaked keys.",
        """Who has a kiosk's secret, the keys of a tag or a beacon, or the key of a reader or a
        member of staff, makes good proofs from anywhere, until it is revoked or rotated. From the
        next request on it is refused.""",
    ),
    Still(
        "Patience.",
        """Six digits can be guessed. {accounts} accounts may be wrong {guesses} times a day at a
        venue before it waits: {code_odds} a day for one good code of a kiosk. It would take
        {pin_days} days to try every PIN that the service makes; one of six digits, which a merchant
        may bring, a hundredth of that. The limit has its price: who guesses on keeps digits and
        PINs that others type at that venue from being looked at, {window} minutes at a time. What
        they scan, tap or hear, and a member's own key, go on.""",
    ),
)

POSTERS = (
    Still(
        "Poster codes.",
        """A poster's code is the same for everybody until it is rotated, and will be photographed.
        It settles a doubt about a location that is near, and proves nothing else.""",
    ),
)

REMAINING = (
    ("Against L1, a location", AT_ONE),
    ("Against L2, a location on a phone that its platform vouches for", AT_TWO),
    ("Against L3, a physical proof", AT_THREE),
    ("Never more than L1", POSTERS),
)
