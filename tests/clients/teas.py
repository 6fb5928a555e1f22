"""A row of the shop as drivers give it, column by column."""

from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

OOLONG = {
    "code": "OOL-1",
    "name": "Oolong 乌龙茶",
    "price": Decimal("18.50"),
    "grams": 100,
    "stock": 12,
    "sold": 9007199254740993,
    "rating": 4.5,
    "share": 0.875,
    "organic": True,
    "labels": ["roasted", "dark"],
    "batches": [3, 1, 2],
    "attrs": {"origin": "Fujian", "steeps": 5},
    "leaf": b"\x00\xff\x10",
    "uid": UUID("6f1d0c1e-0000-4000-8000-000000000001"),
    "harvested": date(2025, 4, 18),
    "opens": time(8, 30),
    "tasted": datetime(2025, 5, 1, 10, 15, 30, 250000),
    "listed": datetime(2025, 6, 1, tzinfo=timezone.utc),
    "steep": timedelta(minutes=3, seconds=30),
}
