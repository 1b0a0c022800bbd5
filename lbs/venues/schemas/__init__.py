"""What goes in and out of venues, groups of them, imports of many, and events at them."""

from lbs.venues.schemas.events import (
    ChangeEventSchema,
    CreateEventSchema,
    EventListQuerySchema,
    EventPageSchema,
    EventSchema,
)
from lbs.venues.schemas.fences import LAT, LON, FenceSchema, PointSchema, refuse_swapped
from lbs.venues.schemas.groups import (
    ChangeVenueGroupSchema,
    CreateVenueGroupSchema,
    VenueGroupPageSchema,
    VenueGroupSchema,
)
from lbs.venues.schemas.imports import (
    MAX_IMPORT,
    FeatureCollectionSchema,
    ImportQuerySchema,
    ImportReportSchema,
    read_feature,
)
from lbs.venues.schemas.venues import (
    ChangeVenueSchema,
    CreateVenueSchema,
    MinLevel,
    VenueListQuerySchema,
    VenuePageSchema,
    VenueSchema,
    is_time_zone,
)

__all__ = [
    "LAT",
    "LON",
    "MAX_IMPORT",
    "ChangeEventSchema",
    "ChangeVenueGroupSchema",
    "ChangeVenueSchema",
    "CreateEventSchema",
    "CreateVenueGroupSchema",
    "CreateVenueSchema",
    "EventListQuerySchema",
    "EventPageSchema",
    "EventSchema",
    "FeatureCollectionSchema",
    "FenceSchema",
    "ImportQuerySchema",
    "ImportReportSchema",
    "MinLevel",
    "PointSchema",
    "VenueGroupPageSchema",
    "VenueGroupSchema",
    "VenueListQuerySchema",
    "VenuePageSchema",
    "VenueSchema",
    "is_time_zone",
    "read_feature",
    "refuse_swapped",
]
