"""The settings of vadose: built in an entry point, passed down, never read at import.

Precedence, highest first:

1. an argument of the command line;
2. an environment variable ``VADOSE_…``;
3. a line of ``.env`` in the working directory;
4. the default below.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import AnyHttpUrl, ByteSize, Field, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict

from engine.errors import InputError
from processes.errors import InvalidSettingsError
from processes.settings_operation import OperationSettings

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

PREFIX = "VADOSE_"


class Settings(OperationSettings):
    """Where things lie, where the service listens, and its limits."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    data: Path = Path("data")
    """Folder of everything that vadose writes, and of the archive by default."""
    archive: Path | None = None
    """Folder of the granules; ``archive`` below ``data`` by default."""
    regions: Path | None = None
    """Folder of further region files; ``regions`` below ``data`` by default."""
    catalog: str | None = None
    """The published catalogue: a folder, or ``s3://BUCKET/PREFIX`` with the usual variables
    ``AWS_…``; ``catalog`` below ``data`` by default."""
    region: str = "henan"
    """The region that a request without one means."""
    url: AnyHttpUrl | None = None
    """The service's public address; by default, the one that a request came to."""
    host: str = "127.0.0.1"
    """Address to listen at."""
    port: Annotated[int, Field(ge=0, le=65535)] = 5000
    """Port to listen at."""
    pygeoapi_config: Path = Path(__file__).parents[1] / "pygeoapi-config.yml"
    """The service's face: title, contact, resources."""
    browser: Path = Path(__file__).parents[1] / "docker" / "browser" / "dist"
    """Folder of the built STAC Browser; without it there is none."""
    jobs_at_once: Annotated[int, Field(ge=1, le=64)] = 2
    """Steps of jobs that run at the same time, each on a worker of its own; others wait in line."""
    jobs_waiting: Annotated[int, Field(ge=1)] = 100
    """Jobs that may wait in line; beyond it a request is refused."""
    threads: Annotated[int, Field(ge=1, le=64)] = 2
    """Threads of one job."""
    jobs_database: SecretStr | None = None
    """Database of the jobs, ``postgresql://USER:PASSWORD@HOST/DATABASE``; by default a file of
    SQLite below ``data``."""
    scheduler: str | None = None
    """Address of a Dask scheduler such as ``tls://host:8786``; by default the service starts one
    of its own, and workers for it, on loopback."""
    memory: ByteSize = ByteSize(2 * 2**30)
    """Memory that the making of one feature may take on the grid of its granules, about: larger
    areas are made band by band, with the same values."""
    tls_authority: Path | None = None
    """Certificates of who vouches for the scheduler, its workers and the service; PEM."""
    tls_certificate: Path | None = None
    """Certificate that this part of the cluster shows to the others; PEM."""
    tls_key: Path | None = None
    """Its private key; PEM."""
    attempt_memory: ByteSize | None = None
    """Most memory of one attempt, such as ``4GiB``; by default its share of the machine's."""
    attempt_seconds: Annotated[float, Field(gt=0)] = 21_600
    """Longest time of one attempt."""
    most_attempts: Annotated[int, Field(ge=1)] = 5
    """Attempts of one step before its job fails."""
    heartbeat: Annotated[float, Field(gt=0)] = 2
    """Time between two signs of life of an attempt, seconds."""
    lease: Annotated[float, Field(gt=0)] = 15
    """Silence after which an attempt is given up, seconds."""
    body_limit: Annotated[int, Field(ge=1024)] = 1_048_576
    """Largest body of a request, bytes."""
    sync_limit: Annotated[float, Field(ge=0)] = 30
    """Longest that a request waits for its results before it is told of a job, seconds."""
    allowed_hosts: str = ""
    """Hosts that requests may name although they are not public (callbacks, inputs by
    reference), separated by commas: ``host`` or ``host:port``."""
    callback_secret: SecretStr | None = None
    """Signs callbacks; a text, or ``whsec_`` and base64. Without it they are not signed."""
    training_limit: Annotated[float, Field(gt=0)] = 600
    """Longest training that a request may cause without asking to ``retrain``, seconds."""
    most_months: Annotated[int, Field(ge=1)] = 120
    """Most months that one request may ask for."""
    most_cells: Annotated[int, Field(ge=1)] = 4_000_000
    """Most cells of 1 km in the area of one request; all of them are in memory at once."""
    sources: Path | None = None
    """Folder of further facts about providers; ``sources`` below ``data`` by default."""
    earthdata_token: SecretStr | None = None
    """Token of NASA's Earthdata Login, to fetch data with; else ``EARTHDATA_TOKEN``, else what
    ``~/.netrc`` says."""

    @classmethod
    def load(cls, **arguments: object) -> Self:
        """Build the settings from arguments (None means: not given) and the environment.

        Raises
        ------
        InvalidSettingsError
            Where values are not allowed: names every one of them.
        """
        given = {name: value for name, value in arguments.items() if value is not None}
        try:
            return cls(**given)  # type: ignore[arg-type]
        except ValidationError as error:
            raise InvalidSettingsError([_problem(one) for one in error.errors()]) from None

    @property
    def archive_folder(self) -> Path:
        """Folder of the granules."""
        return self.archive or self.data / "archive"

    @property
    def region_folder(self) -> Path:
        """Folder of further region files."""
        return self.regions or self.data / "regions"

    @property
    def key_file(self) -> Path:
        """File of the API keys."""
        return self.keys or self.data / "keys.json"

    @property
    def source_folder(self) -> Path | None:
        """Folder of further facts about providers, where there is one."""
        folder = self.sources or self.data / "sources"
        return folder if self.sources is not None or folder.is_dir() else None

    @property
    def feature_folder(self) -> Path:
        """Folder of the monthly features, rebuilt at will."""
        return self.data / "features"

    @property
    def model_folder(self) -> Path:
        """Folder of the stored models."""
        return self.data / "models"

    @property
    def catalog_folder(self) -> Path:
        """Folder of the published catalogue, where it is in one."""
        if self.catalog is None or "://" in self.catalog:
            return self.data / "catalog"
        return Path(self.catalog)

    @property
    def catalog_place(self) -> str | Path:
        """Where the published catalogue is: a folder, or the address of a bucket."""
        if self.catalog is not None and "://" in self.catalog:
            return self.catalog
        return self.catalog_folder

    @property
    def work_folder(self) -> Path:
        """Folder of what belongs to one job or one start of the service."""
        return self.data / "work"

    @property
    def encrypted_cluster(self) -> bool:
        """Whether scheduler and workers are reached with mutual TLS."""
        return all((self.tls_authority, self.tls_certificate, self.tls_key))

    @property
    def job_database(self) -> str | Path:
        """Where the jobs are kept: the address of a database, or a file."""
        if self.jobs_database is not None:
            return self.jobs_database.get_secret_value()
        return self.data / "jobs.sqlite"

    def environment(self) -> dict[str, str]:
        """Return these settings as environment variables, for a child process.

        The secret that signs callbacks is not among them, nor is the token.
        """
        secrets = {"callback_secret", "earthdata_token"}
        values = self.model_dump(mode="json", exclude_none=True, exclude=secrets)
        if self.jobs_database is not None:
            values["jobs_database"] = self.jobs_database.get_secret_value()
        folders = {"data": self.data, "archive": self.archive_folder, "regions": self.region_folder}
        if not isinstance(self.catalog_place, str):
            folders["catalog"] = self.catalog_folder
        if self.keys is not None:
            folders["keys"] = self.keys
        values |= {name: folder.absolute() for name, folder in folders.items()}
        return {PREFIX + name.upper(): str(value) for name, value in values.items()}


def _problem(error: ErrorDetails) -> InputError:
    """Say what is wrong with one setting; of a secret not what it is."""
    field = str(error["loc"][0]) if error["loc"] else ""
    secret = "SecretStr" in str(getattr(Settings.model_fields.get(field), "annotation", ""))
    wrong = "what is set" if secret else f"{error['input']!r:.200}"
    return InputError(
        PREFIX + field.upper(), wrong, error["msg"].removeprefix("Value error, allowed: ")
    )
