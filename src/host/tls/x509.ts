// @peculiar/x509 wants it to be there first.
// oxlint-disable-next-line import/no-unassigned-import
import 'reflect-metadata'

export { Extension, X509Certificate, X509CertificateGenerator } from '@peculiar/x509'
