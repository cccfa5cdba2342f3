"""Apps on the cars of a service, and on cars far away: each app on each car in a process of its own.

``AppHosts`` is what ``commonwheel run --app`` adds to a service; ``host_app`` runs one app on one car that can be
connected to.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from commonwheel.apps.checks import name_fault
from commonwheel.apps.ending import End
from commonwheel.apps.fitted import IS_ARMED
from commonwheel.apps.host import AppHost
from commonwheel.apps.life import Life
from commonwheel.apps.limits import Limits
from commonwheel.apps.loading import locate
from commonwheel.apps.nursery import launcher as best_launcher
from commonwheel.apps.scopes import rights_of
from commonwheel.apps.settings import settings_of
from commonwheel.broker.scopes import Action
from commonwheel.catalog.tree import SHIPPED
from commonwheel.client import connect_async
from commonwheel.errors import AppError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from commonwheel.apps.launch import Launcher
    from commonwheel.apps.manifest import Manifest
    from commonwheel.broker.access import Access
    from commonwheel.client import AsyncCar
    from commonwheel.client.beginning import Beginning
    from commonwheel.gateway.live import LiveCar
    from commonwheel.gateway.service import Bound

__all__ = ["AppHosts", "hosted", "read_manifest"]

_MEASURES = (
    ("running", "gauge", "app_running", "Whether the app runs"),
    ("failed", "gauge", "app_failed", "Whether the app failed too often, and is not started again"),
    ("restarts", "counter", "app_restarts", "Times that the app was started again after a failure"),
    ("received", "counter", "app_updates", "Updates that were handed to the app"),
    ("dropped", "counter", "app_dropped_updates", "Updates that the app was too slow for"),
    ("events", "counter", "app_events", "Events that the app reported"),
    ("cpu_s", "counter", "app_cpu_seconds", "Processor time that the app has taken"),
    ("memory_bytes", "gauge", "app_memory_bytes", "Memory of the app's process"),
)


async def read_manifest(source: Path, launcher: Launcher, limits: Limits, *, check: bool = True) -> Manifest:
    """Return what an app declares, loading it in a process of its own.

    Args:
        source: its file.
        launcher: starts the process.
        limits: what it may take.
        check: hold it against the standard that is shipped.

    Raises:
        AppError: it cannot be loaded, does not come to an end while it is, or has faults.
    """
    with tempfile.TemporaryDirectory(prefix="commonwheel-app-", ignore_cleanup_errors=True) as folder:
        life = Life(str(source), limits, launcher, Path(folder))
        try:
            loaded = await life.load(check=check)
        finally:
            await life.close()
    if isinstance(loaded, End):
        message = loaded.why if str(source) in loaded.why else f"{source}: {loaded.why}"
        raise AppError(message)
    return _trusted(loaded.manifest, source)


def _trusted(manifest: Manifest, source: Path) -> Manifest:
    """Return what an app declares; its own process has said it, so what it may not be is refused here once more.

    Raises:
        AppError: its name is none, or it could arm the car.
    """
    why = name_fault(manifest.name)
    if rights_of(manifest).allow(Action.ACTUATE, IS_ARMED):
        why = f"it requests {IS_ARMED}; a car is armed by somebody who answers for it, not by an app"
    if why:
        message = f"{source}: {why}"
        raise AppError(message)
    return manifest


@contextlib.asynccontextmanager
async def hosted(
    app: str | Path,
    connect: Callable[[Manifest], Beginning[AsyncCar]],
    *,
    settings: Mapping[str, float | str | bool] | None = None,
    limits: Limits | None = None,
    launcher: Launcher | None = None,
    changed: Callable[[AppHost], None] = lambda _host: None,
) -> AsyncGenerator[AppHost]:
    """Run one app on one car, near or far, for as long as the block of ``async with`` runs.

    Args:
        app: a shipped or installed app's name, or its file.
        connect: connects to the car; told what the app declares, so that it can ask for these rights and no others.
        settings: values in place of the manifest's own.
        limits: what the app may take.
        launcher: starts its processes; ``InProcess()`` runs it in a thread of this one.
        changed: told whenever the status has changed.

    Raises:
        AppError: the app cannot be loaded, or has faults.
    """
    limits, launcher = limits or Limits(), launcher or best_launcher()
    source = locate(app).absolute()
    try:
        manifest = await read_manifest(source, launcher, limits)
    except BaseException:
        await launcher.close()
        raise
    host = AppHost(
        source,
        manifest,
        "",
        lambda: connect(manifest),
        limits=limits,
        launcher=launcher,
        settings=settings,
        changed=changed,
    )
    host.start()
    try:
        yield host
    finally:
        await host.close()
        await launcher.close()


class AppHosts:
    """See ``gateway.extension.Extension`` and ``status.Hosting``."""

    name = "apps"

    def __init__(
        self,
        apps: Sequence[str],
        *,
        settings: Mapping[str, Mapping[str, float | str | bool]] | None = None,
        limits: Limits | None = None,
        launcher: Launcher | None = None,
    ) -> None:
        """Prepare.

        Args:
            apps: names of shipped or installed apps, or files.
            settings: values in place of the manifests' own, by the app's name.
            limits: what each app may take on each car.
            launcher: starts their processes.
        """
        self._names = tuple(dict.fromkeys(apps))
        self._given = settings or {}
        self._limits = limits or Limits()
        self._launcher = launcher or best_launcher()
        self._hosts: tuple[AppHost, ...] = ()
        self._listeners: tuple[Callable[[AppHost], None], ...] = ()

    @property
    def apps(self) -> Sequence[AppHost]:
        """See ``Hosting``."""
        return self._hosts

    def listen(self, told: Callable[[AppHost], None]) -> Callable[[], None]:
        """See ``Hosting``."""
        self._listeners = (*self._listeners, told)

        def stop() -> None:
            self._listeners = tuple(one for one in self._listeners if one is not told)

        return stop

    @property
    def measures(self) -> Sequence[tuple[str, str, str, str]]:
        """See ``gateway.extension.Measured``."""
        return _MEASURES

    @property
    def measured(self) -> Sequence[tuple[Mapping[str, str], Mapping[str, object]]]:
        """See ``gateway.extension.Measured``."""
        return [({"app": host.manifest.name, "car": host.car}, host.figures) for host in self._hosts]

    def _changed(self, host: AppHost) -> None:
        for told in self._listeners:
            told(host)

    # ---- the extension ----------------------------------------------------------------------------------------------

    async def start(self, cars: Sequence[LiveCar], access: Access) -> Sequence[Bound]:  # noqa: ARG002 - the contract
        """See ``Extension``.

        Raises:
            AppError: an app cannot be loaded, or has faults.
        """
        sources = [locate(name).absolute() for name in self._names]
        check = all(car.broker.table.catalog.source == SHIPPED.name for car in cars)
        manifests = await asyncio.gather(
            *(read_manifest(source, self._launcher, self._limits, check=check) for source in sources)
        )
        self._refuse_same_names(sources, manifests)
        self._check_settings(manifests)
        self._hosts = tuple(
            self._host(source, manifest, car)
            for source, manifest in zip(sources, manifests, strict=True)
            for car in cars
        )
        for host in self._hosts:
            host.start()
        return ()

    def _refuse_same_names(self, sources: Sequence[Path], manifests: Sequence[Manifest]) -> None:
        known: dict[str, Path] = {}
        for source, manifest in zip(sources, manifests, strict=True):
            if manifest.name in known:
                message = f"two apps are called '{manifest.name}': {known[manifest.name]} and {source}; rename one"
                raise AppError(message)
            known[manifest.name] = source

    def _check_settings(self, manifests: Sequence[Manifest]) -> None:
        """See that what is set is a setting of one of the apps, and can be that.

        Raises:
            AppError: it is not; says which there are.
        """
        known = {manifest.name: manifest for manifest in manifests}
        for name, given in self._given.items():
            if name not in known:
                here = f"there are {', '.join(known)}" if known else "no app does (--app)"
                message = f"settings are given for '{name}', which does not run here; {here}"
                raise AppError(message)
            settings_of(known[name], given)

    def _host(self, source: Path, manifest: Manifest, car: LiveCar) -> AppHost:
        broker, rights = car.broker, rights_of(manifest)

        def noted(kind: str, facts: Mapping[str, object]) -> None:
            broker.events.add(kind, **facts)

        return AppHost(
            source,
            manifest,
            car.name,
            lambda: connect_async(broker, rights=rights),
            limits=self._limits,
            launcher=self._launcher,
            settings=self._given.get(manifest.name),
            changed=self._changed,
            noted=noted,
        )

    async def stop(self, seconds: float) -> bool:
        """See ``Extension``."""
        ends = [asyncio.create_task(host.close()) for host in self._hosts]
        late = set[asyncio.Task[None]]()
        if ends:
            _, late = await asyncio.wait(ends, timeout=max(0.1, seconds))
        for task in late:
            task.cancel()
        found = await asyncio.gather(*ends, return_exceptions=True)
        await self._launcher.close()
        return not any(isinstance(one, BaseException) for one in found)
