import { ItemType } from '../ttlv/item-type.ts'
import { Tag } from './tags.ts'

/** Tags and types of the items that messages are made of, each as one number, as the reader gives it: tag << 8 | type. */

const structureHead = (tag: Tag): number => (tag << 8) | ItemType.Structure

export const requestMessageHead = structureHead(Tag.RequestMessage)
export const requestHeaderHead = structureHead(Tag.RequestHeader)
export const protocolVersionHead = structureHead(Tag.ProtocolVersion)
export const batchItemHead = structureHead(Tag.BatchItem)
export const requestPayloadHead = structureHead(Tag.RequestPayload)
export const messageExtensionHead = structureHead(Tag.MessageExtension)
export const majorHead = (Tag.ProtocolVersionMajor << 8) | ItemType.Integer
export const minorHead = (Tag.ProtocolVersionMinor << 8) | ItemType.Integer
export const operationHead = (Tag.Operation << 8) | ItemType.Enumeration
export const uniqueBatchItemIDHead = (Tag.UniqueBatchItemID << 8) | ItemType.ByteString
export const uniqueIdentifierHead = (Tag.UniqueIdentifier << 8) | ItemType.TextString
