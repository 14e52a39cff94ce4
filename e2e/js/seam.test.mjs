// The npm package `seam`: the client that applications install today.

import * as sdk from 'seam'

import { officialClientCases } from './cases.mjs'

officialClientCases('seam', sdk, { Client: sdk.Seam, ClientWithoutWorkspace: sdk.SeamWithoutWorkspace })
