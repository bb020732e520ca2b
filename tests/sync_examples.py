"""Stories that are told in every run: each of them once went wrong, or would if a part of the sync were left out."""

Steps = list[tuple[str, int, int]]
# Minutes go to 40, which the partner takes without our knowing, and back to 30, which it had acknowledged.
TAKEN_IN_DOUBT_AND_TAKEN_BACK: Steps = [
    *(("tried", 0, 0), ("outage", 3, 0), ("duration", 0, 5), ("tried", 0, 0)),
    *(("duration", 0, 3), ("look", 0, 0), ("back", 0, 0)),
]
KILLED_AND_LATE: Steps = [
    *(
        ("tried", 0, 0),
        ("outage", 1, 0),
        ("duration", 0, 5),
        ("tried", 0, 0),
        ("price", 7, 3),
        ("kill", 0, 0),
    ),
    *(("duration", 1, 6), ("back", 0, 0), ("late", 0, 0)),
]
NOTICES_THAT_CAME_BACK: Steps = [
    *(
        ("price", 3, 1),
        ("posted", 0, 0),
        ("mail_no", 0, 0),
        ("price", 7, 2),
        ("posted", 0, 0),
        ("price", 7, 3),
    ),
    *(("mail_back", 0, 0), ("posted", 0, 0), ("remind", 0, 0), ("posted", 0, 0)),
]
