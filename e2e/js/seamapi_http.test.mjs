// The npm package `@seamapi/http` 1.x: the generation before, which sends POST nearly everywhere,
// a parameterless POST as an empty form, and never asks for strict query parsing.

import * as sdk from '@seamapi/http'

import { officialClientCases } from './cases.mjs'

officialClientCases('@seamapi/http 1.x', sdk, {
  Client: sdk.SeamHttp,
  ClientWithoutWorkspace: sdk.SeamHttpWithoutWorkspace,
})
