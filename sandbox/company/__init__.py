"""Companies: data in both systems, and the work that people do there."""

from sandbox.company.bad import BadInput, bad
from sandbox.company.company import NAMES, Company, build
from sandbox.company.plan import CompanyError

__all__ = ["NAMES", "BadInput", "Company", "CompanyError", "bad", "build"]
