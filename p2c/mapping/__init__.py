"""How one document becomes another: conversion of values, transforms, money, rules. Pure: no I/O."""
