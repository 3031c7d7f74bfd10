"""Files that events refer to: sealed like texts, named by their content, bounded. Events hold the address only.

The address is a keyed digest (engine.sealing): the same file of the same subject is kept once, and without the key nobody can find
out whether a certain file is there. Erasing a subject destroys its key and deletes its rows.
"""

from collections.abc import AsyncIterator

from psycopg import AsyncConnection

from engine.errors import StoreError, WrongKey
from engine.sealing import seal, unseal
from engine.vault import Pool, Vault

MOST_BYTES = 10 * 1024 * 1024
"""Largest file that is kept."""


class BlobTooLarge(StoreError):
    """The file is larger than MOST_BYTES."""


async def put(pool: Pool, vault: Vault, content: bytes, *subjects: str) -> str:
    """Keep a file of these subjects; returns its address. The same again changes nothing. Raises BlobTooLarge, KeyDestroyed."""
    if len(content) > MOST_BYTES:
        raise BlobTooLarge(f"The file has {len(content):,} bytes; at most {MOST_BYTES:,} are kept.")
    key = await vault.key(*subjects)
    address = key.digest(b"blob" + content)
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO blobs (address, subject, size, sealed) VALUES (%s, %s, %s, %s) ON CONFLICT (address) DO NOTHING",
            (address, key.subject, len(content), seal(key, content, bound_to(address))),
        )
    return address


async def address_of(vault: Vault, content: bytes, *subjects: str) -> str:
    """The address a file of these subjects has, or would have. Raises KeyDestroyed."""
    return (await vault.key(*subjects)).digest(b"blob" + content)


async def put_at(pool: Pool, vault: Vault, address: str, content: bytes, *subjects: str) -> None:
    """Keep a file under an address that events of an archive name it by. One that is there stays. Raises KeyDestroyed."""
    key = await vault.key(*subjects)
    async with pool.connection() as connection:
        await connection.execute(
            "INSERT INTO blobs (address, subject, size, sealed) VALUES (%s, %s, %s, %s) ON CONFLICT (address) DO NOTHING",
            (address, key.subject, len(content), seal(key, content, bound_to(address))),
        )


async def get(pool: Pool, vault: Vault, address: str) -> bytes | None:
    """The file with this address; None when there is none or a subject of it was erased. Raises WrongKey."""
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT subject, sealed FROM blobs WHERE address = %s", (address,), binary=True)
        row = await cursor.fetchone()
    if row is None or (key := (await vault.keys([row[0]])).get(row[0])) is None:
        return None
    return unseal(key, row[1], bound_to(address))


async def delete(pool: Pool, address: str) -> bool:
    """Remove a file; False when there was none."""
    async with pool.connection() as connection:
        return (await connection.execute("DELETE FROM blobs WHERE address = %s", (address,))).rowcount > 0


async def damaged(pool: Pool, vault: Vault) -> list[str]:
    """The addresses of files that do not open with their key, or whose content is not what their address says."""
    async with pool.connection() as connection:
        return [address async for address in _damaged(connection, vault)]


async def _damaged(connection: AsyncConnection, vault: Vault) -> AsyncIterator[str]:
    async with connection.cursor(binary=True) as cursor:
        async for address, subject, sealed in cursor.stream("SELECT address, subject, sealed FROM blobs ORDER BY address"):
            key = (await vault.keys([subject])).get(subject)
            if key is None:
                continue
            try:
                unseal(key, sealed, bound_to(address))  # bound to its address: another content does not open
            except WrongKey:
                yield address


def bound_to(address: str) -> bytes:
    """The additional data that ties a sealed file to its address."""
    return b"blob " + address.encode()
